"""The probe of a link: a program of its own, started by path at either end, standard library only. docs/design/verification.md.

Nothing here imports the rest of the package, so that the folder can be copied to a host that has nothing but python3.
`frames` and `log` are pure and are also used by those who read what the program says.
"""
