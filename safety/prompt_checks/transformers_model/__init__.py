"""Judges that transformers opens: a text classifier (`guard`) and a finder of names (`names`).

The model lives in a process of its own (`runner`), which `process` asks for many texts at once and
within a deadline: who gets no answer in time has no judgement, and a check without one blocks.
"""
