"""Events → signals → rules → alerts → groups → incidents → notifications → escalation."""
