"""Every mistake of a file is told at once, with its line, its column, what was expected, and the nearest name."""

from __future__ import annotations

import pytest

from nepi.formats import files
from nepi.formats.places import MOST_MISTAKES
from tests.formats.conftest import Mistakes

HEAD = "experiment: x\nbackend: netns\n"


def test_all_mistakes_are_told_at_once(mistakes: Mistakes) -> None:
    assert mistakes(
        """\
        experiment: bad
        backend: netns
        nodes: [a, b]
        lnks: []
        links:
          - {ends: [a, c], rate: 10Mbit, delay: 20}
          - {ends: [a], up: yes}
          - {ends: [a, b], up: yes}
        applications:
          server: {type: Xyzzy, on: b, start: a.startet + 1s}
          odd: {on: b}
          client:
            type: Iperf3Client
            on: a
            traget: b
            duration: 5 parsecs
            start: "server.started + 1"
            stop: odd.started
            traces: [stdot]
        """
    ) == [
        "x.yaml, line 4, column 1: there is no key 'lnks' (did you mean 'links'?)",
        "x.yaml, line 6, column 16: links[0].ends[1]: there is no resource named 'c'",
        "x.yaml, line 6, column 41: links[0].delay: duration '20': the unit is missing; write for example 20s",
        "x.yaml, line 7, column 12: links[1].ends: expected two names, as in [a, b], got a list of 1",
        "x.yaml, line 8, column 24: links[2].up: expected true or false, got 'yes'; write true, since yes, no, on and off are texts here",
        "x.yaml, line 10, column 18: applications.server: there is no resource type 'netns::Xyzzy'; `nepi types` lists them",
        "x.yaml, line 10, column 41: applications.server.start: there is no state 'startet' (did you mean 'started'?)",
        "x.yaml, line 11, column 8: applications.odd: the key 'type' is missing",
        "x.yaml, line 15, column 5: applications.client.traget: netns::Iperf3Client has no attribute 'traget' "
        "(did you mean 'target' or 'traces' or 'rate'?)",
        "x.yaml, line 16, column 15: applications.client.duration: duration '5 parsecs': unknown unit 'parsecs'; "
        "use h, m (minutes), s, ms, us or ns",
        "x.yaml, line 17, column 30: applications.client.start: duration '1': the unit is missing; write for example 1s",
        "x.yaml, line 19, column 14: applications.client.traces: netns::Iperf3Client has no trace 'stdot' (did you mean 'stdout'?)",
    ]


def test_the_nearest_type_is_named(mistakes: Mistakes) -> None:
    (mistake,) = mistakes(HEAD + "nodes: [a]\napplications: {t: {type: Tcpdmp, on: a}}")
    assert mistake.startswith("x.yaml, line 4, column 26: applications.t: there is no resource type 'netns::Tcpdmp' (did you mean ")
    assert "'Tcpdump'" in mistake


def test_mistakes_of_the_plan_come_with_those_of_the_file(mistakes: Mistakes) -> None:
    assert mistakes(
        """\
        experiment: bad
        backend: netns
        nodes: [a, b]
        links:
          - {ends: [a, b], rate: 10Mbit, loss: 150%}
        resources:
          r: {type: IPv4Route, connect: a, network: 1.2.3.0, prefix: 24, nexthop: 9.9.9.9}
        applications:
          wrong: {type: Tcpdump, on: a, c: many}
        """
    ) == [
        "x.yaml, line 5, column 40: links[0].loss: fraction '150%': must not be more than 1 (per cent is written with its sign: '2%')",
        "x.yaml, line 9, column 36: applications.wrong.c: 'many' is not a whole number",
        "x.yaml, line 7, column 3: netns::IPv4Route 'r' has nexthop 9.9.9.9, which is in no subnet of netns::Node 'a' (10.0.0.0/30): "
        "name a router that it reaches directly",
    ]


def test_a_follow_up_of_a_mistake_is_not_told(mistakes: Mistakes) -> None:
    assert mistakes(HEAD + "nodes: [a, b]\nlinks: [{ends: [a, bb]}]\napplications: {p: {type: Ping, on: a, target: b}}") == [
        "x.yaml, line 4, column 20: links[0].ends[1]: there is no resource named 'bb' (did you mean 'b'?)"
    ]


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{key}: &{key} [{','.join([f'*{before}'] * 10)}]\n" for before, key in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ": the file is empty; `nepi init` writes a commented one to begin with"),
        ("# nothing\n", ": the file is empty; `nepi init` writes a commented one to begin with"),
        ("- a", ", line 1, column 1: an experiment's file has keys: experiment, backend, nodes, links, applications, ..."),
        ("backend: dummy", ", line 1, column 1: the key 'experiment' (the name of the experiment) is missing"),
        ("experiment: x\n\tnodes: [a]", ", line 2, column 1: the line is indented by a tab; YAML takes spaces only"),
        ("experiment: x\n---\nexperiment: y", ", line 2, column 1: a second document begins here ('---'); a file holds one experiment"),
        (BOMB, ", line 6, column 4: aliases repeat what they stand for more than 200000 times over; write it out"),
        ("a: &a [*a]", ", line 1, column 8: the alias '*a' is inside of what it stands for"),
        ("a: &fast 1\nb: *fats", ", line 2, column 4: there is no anchor '&fats' before this (did you mean 'fast'?)"),
        (
            "a: !!python/object/apply:os.system [x]",
            ", line 1, column 4: the tag 'tag:yaml.org,2002:python/object/apply:os.system' before '[' is not read: "
            "write the value without it",
        ),
        (
            "a:\n" + "".join("  " * depth + "- \n" for depth in range(1, 60)),
            ", line 41, column 81: more than 40 lists and mappings within each other",
        ),
        ("? [a]\n: b", ", line 1, column 3: a key is a word, not a list or a mapping"),
        (b"experiment: \xff", ", line 1, column 13: the byte 0xff is no UTF-8; save the file as UTF-8"),
        ("experiment: x".encode("utf-16"), ": the file is written in UTF-16; save it as UTF-8"),
        ("experiment: \0", ", line 1, column 13: the character U+0000 cannot be part of a YAML file"),
        ("#" * (files.MOST_BYTES + 1), ": the file is larger than 32MiB; describe so large an experiment by a script"),
        (
            "experiment: ../x\nbackend: dummy",
            ", line 1, column 13: exp_id '../x': use up to 128 letters, digits and _ . : @ + -, beginning with a letter, a digit or _",
        ),
        (HEAD + "networks: 10.0.0.0/8", ", line 3, column 11: networks: expected a list, got '10.0.0.0/8'"),
        (HEAD + "deadline: 5", ", line 3, column 11: deadline: duration '5': the unit is missing; write for example 5s"),
        (HEAD + "nodes: 5", ", line 3, column 8: nodes: expected a mapping (name: ...), got '5'"),
        (HEAD + "nodes: [[a]]", ", line 3, column 8: nodes: expected a mapping (name: ...), got a list of 1"),
        (HEAD + "nodes: [a, a]", ", line 3, column 12: nodes: 'a' is there twice; names are unique within an experiment"),
        (HEAD + "nodes: {a: , a: }", ", line 3, column 14: the key 'a' is there twice; the first is in line 3"),
        (
            HEAD + "nodes: [a]\nswitches: [a]",
            ", line 4, column 12: two resources are called 'a'; the other is in line 3: names are unique within an experiment",
        ),
        (HEAD + "nodes: {a: {forwarding: }, b: [c]}", ", line 3, column 31: nodes.b: expected a mapping (key: value), got a list of 1"),
        (
            HEAD + "nodes: {a: {retry: {attempts: many}}}",
            ", line 3, column 20: nodes.a.retry: attempts: expected a whole number, got 'many'",
        ),
        (HEAD + "nodes: {a: {retry: {dely: 1s}}}", ", line 3, column 20: nodes.a.retry: there is no key 'dely' (did you mean 'delay'?)"),
        (HEAD + "nodes: [a]\nguids: {b: 3}", ", line 4, column 12: guids: there is no resource named 'b' in this file"),
        (HEAD + "nodes: [a]\nguids: {a: 0}", ", line 4, column 12: guids.a: expected a whole number from 1 on, got '0'"),
        (HEAD + "nodes: [a, b]\nguids: {a: 1, b: 1}", ", line 4, column 18: guids.b: the number 1 is given twice"),
        (HEAD + "nodes: {a: {connect: a}}", ", line 3, column 22: nodes.a.connect[0]: 'a' cannot be connected to itself"),
        (
            HEAD + "nodes: {a: {set: [{when: a.started, forwardng: false}]}}",
            ", line 3, column 37: nodes.a.set[0].forwardng: netns::Node has no attribute 'forwardng' (did you mean 'forwarding'?)",
        ),
        (HEAD + "nodes: {a: {set: [{forwarding: false}]}}", ", line 3, column 19: nodes.a.set[0]: the key 'when' is missing"),
        (
            HEAD + "nodes: {a: {conditions: [{strt: a.started}]}}",
            ", line 3, column 27: there is no key 'nodes.a.conditions[0].strt' (did you mean 'start'?)",
        ),
        ("experiment: x\nnodes: [a, b]", ", line 1, column 1: types such as 'Node' need a backend: write backend: netns at the top"),
    ],
)
def test_one_clear_mistake(mistakes: Mistakes, text: str | bytes, found: str) -> None:
    assert mistakes(text) == [f"x.yaml{found}"]


def test_a_file_full_of_mistakes_is_told_in_part(mistakes: Mistakes) -> None:
    found = mistakes(HEAD + "nodes:\n" + "".join(f"  n{number}: {{x: 1}}\n" for number in range(MOST_MISTAKES + 7)))
    assert (len(found), found[-1]) == (MOST_MISTAKES + 1, "x.yaml: and 7 mistakes more")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{", ", line 1, column 2: this is not JSON: Expecting property name enclosed in double quotes"),
        ("[]", ": this is no experiment's JSON: it needs the keys format, experiment, backend and resources"),
        ('{"format": 1, "format": 1}', ": the key 'format' is there twice in one object"),
        ('{"format": 9, "resources": []}', ": this description has format 9; this version reads format 1"),
        ('{"format": 1, "experiment": 3, "backend": "", "resources": []}', ": damaged description: 'experiment' is 3"),
        (
            '{"format": 1, "experiment": "x", "backend": "", "resources": [3]}',
            ": damaged description: AttributeError(\"'int' object has no attribute 'get'\")",
        ),
        (
            '{"format": 1, "experiment": "x", "backend": "", "resources": [{"guid": 1, "type": "dummy::Nod", "name": "a"}]}',
            ": there is no resource type 'dummy::Nod' (did you mean 'dummy::Node' or 'dummy::Link'?); `nepi types` lists them",
        ),
    ],
)
def test_json_that_is_no_experiment(mistakes: Mistakes, text: str, found: str) -> None:
    assert mistakes(text, "x.json") == [f"x.json{found}"]
