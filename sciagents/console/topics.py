"""What `topics create`, `describe` and `check` do."""

from sciagents.console.tables import print_json, print_table, say
from sciagents.reach import answering, is_embedded, metadata
from streams import declare
from streams.topics import TOPICS


def create(kafka: str, prefix: str, *, as_json: bool) -> None:
    """Make the topics that are missing."""
    before = set(metadata(kafka).topics)
    with answering(kafka, prefix) as cluster:
        if not is_embedded(cluster):
            declare.ensure(kafka, prefix)
    made = sorted({prefix + spec.name for spec in TOPICS} - before)
    if as_json:
        print_json({"created": made})
    else:
        for name in made:
            say(f"created {name}")
        say(f"{len(made)} created, {len(TOPICS) - len(made)} were there")


def describe(kafka: str, prefix: str, *, as_json: bool) -> None:
    """Print what each topic is to be, and whether it is there."""
    present = metadata(kafka).topics
    rows = [
        {
            "topic": prefix + spec.name,
            "partitions": len(present[prefix + spec.name].partitions) if prefix + spec.name in present else 0,
            "wanted": {"partitions": spec.partitions, **spec.config()},
        }
        for spec in TOPICS
    ]
    if as_json:
        print_json(rows)
        return
    print_table(
        ("topic", "partitions", "wanted", "cleanup", "kept"),
        (
            (
                row["topic"],
                row["partitions"] or "missing",
                spec.partitions,
                spec.cleanup_policy,
                _kept(spec.retention_ms),
            )
            for row, spec in zip(rows, TOPICS, strict=True)
        ),
    )


def check(kafka: str, prefix: str, *, as_json: bool) -> bool:
    """Print how the topics differ from what they are to be; whether they do not."""
    cluster = metadata(kafka)
    if is_embedded(cluster):  # it has no configuration that could differ
        found = [f"{prefix + spec.name}: missing" for spec in TOPICS if prefix + spec.name not in cluster.topics]
    else:
        with answering(kafka):
            found = declare.drift(kafka, prefix)
    if as_json:
        print_json({"drift": found})
    else:
        for sentence in found:
            say(sentence)
        if not found:
            say(f"all {len(TOPICS)} topics are as they should be")
    return not found


def _kept(retention_ms: int) -> str:
    return "for ever" if retention_ms < 0 else f"{retention_ms // 86_400_000} d"
