"""What runs inside the sandbox, with the standard library alone: a file server and the driver of the browser.

Nothing here may import from elsewhere; `..shipping` hands the modules over by their names.
"""
