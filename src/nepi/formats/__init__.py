"""Experiments as files: YAML that people write, JSON that programs write, and the XML of the original. docs/design/files.md has the ideas.

From text to an `ExperimentDescription` and back. What becomes of a description is the business of `nepi.execution`, which imports this
package when a file is asked for and not before: it is the only one that reaches pydantic and yaml.
"""
