"""Hello, world: source code is brought to a node, compiled there, and run; then it is spoken with while it runs."""

from nepi import ExperimentController, trace_matches

CODE = r"""
#include <stdio.h>

int main(void) {
    char name[80];
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("hello, world");
    while (scanf("%79s", name) == 1)
        printf("hello, %s\n", name);
    return 0;
}
"""

with ExperimentController("hello-code", backend="netns") as ec:
    node = ec.add("Node", name="node")
    # Path tags such as CODE are variables for `build` and `command`; what is built in RUN_HOME is a trace, and can be fetched.
    hello = ec.add("Application", node, code=CODE, build="gcc -Wall -x c ${CODE} -o hello", command="./hello", openStdin=True, name="hello")
    ec.deploy()
    ec.wait_for(trace_matches(hello, "world"), "20s")
    hello.write_stdin("reader\n", eof=True)
    ec.wait_for(hello.finished, "20s")
    print(hello.trace(), end="")
