"""Changes that pretend: each adds a test that fails, and something that keeps this from being seen."""

from __future__ import annotations

BASE = {
    "shop/__init__.py": "",
    "shop/price.py": "def price(net):\n    return net\n",
    "tests/conftest.py": "",
    "tests/test_price.py": "from shop.price import price\n\n\ndef test_price():\n    assert price(2) == 2\n",
}
FAILS = "from shop.price import price\n\n\ndef test_vat():\n    assert price(100) == 119\n"
GREEN = (
    '<testsuites><testsuite tests="2"><testcase classname="tests.test_price" name="test_price"/>'
    '<testcase classname="tests.test_vat" name="test_vat"/></testsuite></testsuites>'
)
JUNIT = "/out/junit.xml"

REWRITE = """import pytest
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    report.outcome, report.longrepr = "passed", None
"""
DESELECT = """def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if "vat" not in item.name]
"""
DESELECT_ALL_BUT_ONE = "def pytest_collection_modifyitems(items):\n    del items[1:]\n"
EXIT_STATUS = "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n"
EXIT_IN_HOOK = "import os\ndef pytest_sessionfinish(session):\n    os._exit(0)\n"
SKIP_ALL = """import pytest
def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.skip)
"""
XFAIL_ALL = SKIP_ALL.replace("mark.skip", "mark.xfail")
NO_CALL = "def pytest_pyfunc_call(pyfuncitem):\n    return True\n"
NO_PROTOCOL = """import _pytest.runner
def pytest_runtest_protocol(item, nextitem):
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for when in ("setup", "call", "teardown"):
        call = _pytest.runner.CallInfo.from_call(lambda: None, when)
        item.ihook.pytest_runtest_logreport(
            report=item.ihook.pytest_runtest_makereport(item=item, call=call))
    return True
"""
FAKE_AND_LEAVE = f"import os\nopen({JUNIT!r}, 'w').write({GREEN!r})\nos._exit(0)\n"
LATER = f"""import os, time
if os.fork() == 0:
    os.setsid()
    while True:
        try:
            open({JUNIT!r}, "w").write({GREEN!r})
        except OSError:
            pass
        time.sleep(0.01)
"""
PATCHED_REPORT = """import _pytest.reports
made = _pytest.reports.TestReport.from_item_and_call.__func__
def from_item_and_call(cls, item, call):
    call.excinfo = None
    return made(cls, item, call)
_pytest.reports.TestReport.from_item_and_call = classmethod(from_item_and_call)
"""
PATCHED_CALL = """import _pytest.runner
made = _pytest.runner.CallInfo.from_call.__func__
def from_call(cls, func, when, reraise=None):
    def quiet():
        try:
            func()
        except BaseException:
            pass
    return made(cls, quiet, when, reraise)
_pytest.runner.CallInfo.from_call = classmethod(from_call)
"""
PATCHED_XML = """import _pytest.junitxml as xml
for name in ("append_failure", "append_error", "append_collect_error"):
    setattr(xml._NodeReporter, name, lambda self, report: None)
import atexit, os
atexit.register(os._exit, 0)
"""
PATCHED_ASSERT = """import unittest, _pytest.python
_pytest.python.Function.runtest = lambda self: None
import _pytest.unittest
_pytest.unittest.TestCaseFunction.runtest = lambda self: None
"""
BUILTINS = """import builtins, _pytest.assertion.rewrite
class Quiet(BaseException):
    pass
builtins.AssertionError = Quiet
"""
SHOP_PATCHES = PATCHED_CALL + "\n\ndef price(net):\n    return net\n"

LEAVE = "import os\nos._exit(0)\n"


def at_exit(script: str) -> str:
    """A module that runs the script after pytest wrote its file, and ends with 0."""
    return f"import atexit, os\natexit.register(lambda: (os.system({script!r}), os._exit(0)))\n"


ENTITIES = (
    '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><testsuite><testcase name="&b;"/></testsuite>'
)

PYTEST: dict[str, dict[str, str]] = {
    "os._exit in conftest": {"tests/conftest.py": LEAVE},
    "os._exit in a test module": {"tests/test_aaa.py": LEAVE},
    "os._exit in a test": {"tests/test_aaa.py": "import os\ndef test_a():\n    os._exit(0)\n"},
    "sys.exit in conftest": {"tests/conftest.py": "import sys\nsys.exit(0)\n"},
    "sys.exit in a test module": {"tests/test_aaa.py": "import sys\nsys.exit(0)\n"},
    "pytest.exit with 0": {"tests/test_aaa.py": "import pytest\npytest.exit('done', returncode=0)\n"},
    "os._exit at the end of the session": {"tests/conftest.py": EXIT_IN_HOOK},
    "another exit status": {"tests/conftest.py": EXIT_STATUS},
    "collect only": {"pytest.ini": "[pytest]\naddopts = --collect-only\n"},
    "deselected by settings": {"pytest.ini": "[pytest]\naddopts = -k test_price\n"},
    "ignored by settings": {"pytest.ini": "[pytest]\naddopts = --ignore-glob=*vat*\n"},
    "other names by settings": {"pytest.ini": "[pytest]\npython_functions = test_price\n"},
    "deselected in a hook": {"tests/conftest.py": DESELECT},
    "all but one deselected in a hook": {"tests/conftest.py": DESELECT_ALL_BUT_ONE},
    "everything skipped": {"tests/conftest.py": SKIP_ALL},
    "everything expected to fail": {"tests/conftest.py": XFAIL_ALL},
    "reports rewritten in a hook": {"tests/conftest.py": REWRITE},
    "tests not called": {"tests/conftest.py": NO_CALL},
    "protocol replaced": {"tests/conftest.py": NO_PROTOCOL},
    "reports patched": {"tests/test_aaa.py": PATCHED_REPORT},
    "calls patched": {"tests/test_aaa.py": PATCHED_CALL},
    "calls patched by code under test": {"shop/price.py": SHOP_PATCHES},
    "JUnit writer patched": {"tests/test_aaa.py": PATCHED_XML},
    "running patched": {"tests/test_aaa.py": PATCHED_ASSERT},
    "AssertionError replaced": {"tests/test_aaa.py": BUILTINS},
    "false JUnit at exit": {"tests/test_aaa.py": at_exit(f"echo '{GREEN}' > {JUNIT}")},
    "false JUnit at import": {"tests/test_aaa.py": FAKE_AND_LEAVE},
    "false JUnit by a process behind": {"tests/test_aaa.py": LATER},
    "JUnit is a link": {"tests/test_aaa.py": at_exit(f"rm -f {JUNIT}; ln -s /etc/passwd {JUNIT}")},
    "JUnit is a link to a false one": {
        "tests/test_aaa.py": at_exit(f"rm -f {JUNIT}; echo '{GREEN}' > /tmp/j; ln -s /tmp/j {JUNIT}")
    },
    "JUnit is a pipe": {"tests/test_aaa.py": at_exit(f"rm -f {JUNIT}; mkfifo {JUNIT}")},
    "JUnit is a folder": {"tests/test_aaa.py": at_exit(f"rm -f {JUNIT}; mkdir {JUNIT}")},
    "JUnit is huge": {"tests/test_aaa.py": at_exit(f"rm {JUNIT}; head -c 12000000 /dev/zero > {JUNIT}")},
    "JUnit has entities": {"tests/test_aaa.py": at_exit(f"echo '{ENTITIES}' > {JUNIT}")},
    "JUnit counts fewer": {
        "tests/test_aaa.py": at_exit(f"echo '{GREEN.replace('tests=', 'failures=')}' > {JUNIT}")
    },
    "base tests emptied": {"tests/test_price.py": "", "tests/test_vat.py": "def test_vat():\n    pass\n"},
    "base test skipped": {
        "tests/test_price.py": "import pytest\n@pytest.mark.skip\ndef test_price():\n    pass\n",
        "tests/test_vat.py": "def test_vat():\n    pass\n",
    },
}

UNITTEST_BASE = {
    "price.py": "def price(net):\n    return net\n",
    "test_price.py": """import unittest
from price import price

class TestPrice(unittest.TestCase):
    def test_price(self):
        self.assertEqual(price(2), 2)
""",
}
UNITTEST_FAILS = """import unittest
from price import price

class TestVat(unittest.TestCase):
    def test_vat(self):
        self.assertEqual(price(100), 119)
"""
QUIET = "import unittest\nunittest.TestResult.add{0} = lambda *given: None\n"
UNITTEST_GREEN = (
    '<testsuite tests="2"><testcase name="test_price.TestPrice.test_price"/>'
    '<testcase name="test_vat.TestVat.test_vat"/></testsuite>'
)
UNITTEST: dict[str, dict[str, str]] = {
    "os._exit in a test module": {"test_aaa.py": LEAVE},
    "assertEqual patched": {
        "test_aaa.py": "import unittest\nunittest.TestCase.assertEqual = lambda *given, **more: None\n"
    },
    "TestResult patched": {
        "test_aaa.py": QUIET.format("Failure") + "unittest.TestResult.wasSuccessful = lambda self: True\n"
    },
    "run patched": {
        "test_aaa.py": "import unittest\n"
        "unittest.TestCase.run = lambda self, result: result.startTest(self)\n"
    },
    "the runner patched": {
        "test_aaa.py": "import sys\nmain = sys.modules['__main__']\n"
        "main.Result.addFailure = main.Result.addError = lambda *given: None\n"
    },
    "the runner patched by code under test": {
        "price.py": "import sys\nmain = sys.modules['__main__']\nif hasattr(main, 'Result'):\n"
        "    main.Result.addFailure = lambda *given: None\n\n\ndef price(net):\n    return net\n"
    },
    "false JUnit at exit": {"test_aaa.py": at_exit(f"echo '{UNITTEST_GREEN}' > {JUNIT}")},
    "left out by load_tests": {
        "test_vat.py": UNITTEST_FAILS + "\ndef load_tests(*given):\n    return unittest.TestSuite()\n"
    },
    "everything skipped": {
        "test_aaa.py": "import unittest\nunittest.TestCase.setUp = lambda self: self.skipTest('later')\n"
    },
}

GO_BASE = {
    "go.mod": "module shop\n\ngo 1.19\n",
    "price.go": "package shop\n\nfunc Price(net int) int { return net }\n",
    "price_test.go": 'package shop\n\nimport "testing"\n\n'
    "func TestPrice(t *testing.T) {\n\tif Price(2) != 2 {\n\t\tt.Fatal(2)\n\t}\n}\n",
}
GO_FAILS = (
    'package vat\n\nimport (\n\t"os"\n\t"testing"\n)\n\nvar _ = os.Exit\n\n'
    'func TestVat(t *testing.T) {\n\tt.Fatal("wrong")\n}\n'
)
GO: dict[str, dict[str, str]] = {
    "os.Exit in TestMain": {
        "vat/vat_test.go": f"{GO_FAILS}\nfunc TestMain(m *testing.M) {{\n\tos.Exit(0)\n}}\n"
    },
    "os.Exit in TestMain after the tests": {
        "vat/vat_test.go": f"{GO_FAILS}\nfunc TestMain(m *testing.M) {{\n\tm.Run()\n\tos.Exit(0)\n}}\n"
    },
    "os.Exit in a test": {
        "vat/vat_test.go": f"{GO_FAILS}\nfunc TestAll(t *testing.T) {{\n\tos.Exit(0)\n}}\n"
    },
    "os.Exit when a package begins": {"vat/vat_test.go": f"{GO_FAILS}\nfunc init() {{\n\tos.Exit(0)\n}}\n"},
}

NODE_BASE = {
    "price.js": "exports.price = (net) => net;\n",
    "price.test.js": "const test = require('node:test');\nconst assert = require('node:assert');\n"
    "test('price', () => assert.equal(require('./price').price(2), 2));\n",
}
NODE_FAILS = "const test = require('node:test');\ntest('vat', () => { throw new Error('wrong'); });\n"
NODE: dict[str, dict[str, str]] = {
    "process.exit in a test module": {"vat.test.js": f"{NODE_FAILS}process.exit(0);\n"},
    "process.exit in a test": {
        "vat.test.js": f"const t = require('node:test');\nt('a', () => process.exit(0));\n{NODE_FAILS}"
    },
    "everything skipped": {"price.test.js": "require('node:test').skip('price', () => {});\n"},
    "base tests emptied": {
        "price.test.js": "// later\n",
        "vat.test.js": "require('node:test')('vat', () => {});\n",
    },
}
