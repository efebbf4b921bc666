"""The agent `validate`: is a result right? It is looked at by another road than the one it came by.

`result` is the task; `again` computes the request anew (as it was, by other methods, tighter, with another seed), and
`roads` knows which of the modules `by_…` looks at the answer itself, with code that its task does not use.
"""

from agents.task import Task
from agents.validate import result

TASKS: tuple[Task, ...] = (result.TASK,)
