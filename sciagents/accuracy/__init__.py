"""How exact the answers are: problems whose answers are known, the errors reached, and the errors claimed.

One module an agent, each with `cases()`; `case` says what a case is and runs it; `table` writes them all as Markdown.
"""
