"""What `workbench doctor` looks at, one file per subject."""
