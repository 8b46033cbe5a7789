"""Code that is brought to a node and built there."""

from __future__ import annotations

import functools
import threading
from collections.abc import Generator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from nepi import ExperimentController, ExperimentError
from nepi.errors import PlanError
from tests.resources.netns.conftest import SOON

pytestmark = pytest.mark.netns

HELLO = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n'
BUILD = "gcc -Wall -x c ${APP_HOME}/code -o hello && echo built"


def test_code_is_compiled_on_the_node(ec: ExperimentController) -> None:
    app = ec.add("Application", ec.add("Node"), code=HELLO, build=BUILD, command="./hello", name="app")
    ec.run(deadline=SOON)
    assert app.trace() == "hello\n"
    assert (app.trace("deploy_stdout"), app.trace("deploy_stderr")) == ("built\n", "")


def test_what_is_built_on_a_node_serves_all_of_its_applications(ec: ExperimentController, tmp_path: Path) -> None:
    (tmp_path / "hello.c").write_text(HELLO)
    (tmp_path / "text").write_text("text\n")
    (tmp_path / "tool").write_text("#!/bin/sh\nexec cat ${SHARE}/text\n")
    node = ec.add("Node")
    builder = ec.add("Application", node, code=str(tmp_path / "hello.c"), build=BUILD, install="mv hello ${BIN}", command="true")
    others = [
        ec.add("Application", node, command="${BIN}/hello"),
        ec.add("Application", node, bins=str(tmp_path / "tool"), files=str(tmp_path / "text"), command="${BIN}/tool"),
    ]
    for other in others:
        other.start_when(builder.finished)
    ec.run(deadline=SOON)
    assert [other.trace() for other in others] == ["hello\n", "text\n"]


def test_a_folder_of_code_keeps_its_shape(ec: ExperimentController, tmp_path: Path) -> None:
    (tmp_path / "code" / "inner").mkdir(parents=True)
    (tmp_path / "code" / "inner" / "run.sh").write_text("#!/bin/sh\necho inner\n")
    (tmp_path / "code" / "inner" / "run.sh").chmod(0o755)
    app = ec.add("Application", ec.add("Node"), code=str(tmp_path / "code"), command="${CODE}/inner/run.sh")
    ec.run(deadline=SOON)
    assert app.trace() == "inner\n"


def test_a_library_is_found(ec: ExperimentController, tmp_path: Path) -> None:
    node = ec.add("Node")
    code = "int answer(void) { return 42; }\n"
    maker = ec.add("Application", node, code=code, build="gcc -shared -fPIC -x c ${CODE} -o libanswer.so", command="true")
    maker_lib = f"{ec.run_dir}/traces/{maker.name}/libanswer.so"
    user_code = "int answer(void);\nint main(void) { return answer(); }\n"
    user = ec.add(
        *("Application", node),
        code=user_code,
        libs=maker_lib,
        build="gcc -x c ${CODE} -x none ${LIB}/libanswer.so -o user",
        command="./user",
        expectedStatus="42",
    )
    user.deploy_when(maker.ready)
    ec.run(deadline=SOON)
    assert user.finish_time is not None


def test_a_build_that_fails_says_what_the_compiler_said(ec: ExperimentController) -> None:
    ec.add("Application", ec.add("Node"), code="int main(void) { return nonsense; }\n", build=BUILD, command="./hello", name="app")
    with pytest.raises(ExperimentError, match=r"(?s)app failed: .*.nonsense. undeclared"):
        ec.run(deadline=SOON)


def test_a_build_that_hangs_is_ended(ec: ExperimentController) -> None:
    ec.add("Application", ec.add("Node"), build="sleep 600", buildDeadline="200ms", command="true", name="app")
    with pytest.raises(ExperimentError, match=r"app failed: .*was still running after 0.2 s"):
        ec.run(deadline=SOON)


def test_files_that_are_not_there_and_packages_that_are_not_installed_are_named(ec: ExperimentController) -> None:
    node = ec.add("Node")
    lost = ec.add("Application", node, files="/no/such/file", command="true", critical=False)
    poor = ec.add("Application", node, depends="no-such-package", command="true", critical=False)
    ec.run(deadline=SOON)
    assert "attribute 'files': /no/such/file cannot be read: No such file or directory" in lost.failure
    assert "apt install no-such-package" in poor.failure


@pytest.fixture
def web(tmp_path: Path) -> Generator[str]:
    """A web server on loopback with a file `data`."""
    (tmp_path / "data").write_text("from the web\n")
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def test_sources_are_downloaded(ec: ExperimentController, web: str) -> None:
    node = ec.add("Node")
    app = ec.add("Application", node, sources=f"{web}/data", command="cat ${SRC}/data")
    lost = ec.add("Application", node, sources=f"{web}/none", command="true", critical=False)
    ec.run(deadline=SOON)
    assert app.trace() == "from the web\n"
    assert "/none cannot be downloaded: HTTP Error 404" in lost.failure


def test_a_list_that_cannot_be_read_is_a_mistake_of_the_plan(ec: ExperimentController) -> None:
    ec.add("Application", ec.add("Node"), files="'a", command="true")
    with pytest.raises(PlanError, match="cannot be split into words"):
        ec.check()
