"""What the commands about requests, topics, events and incidents do: they ask Kafka and print what they find.

`sciagents.commands` has the command line itself, and imports a module of these only when its command is called.
"""
