"""The database: mongod where the machine has it, else the MongoDB-protocol server on H2."""

from parley_cli.stack.part import Part
from parley_cli.stack.plan import StackPlan
from parley_cli.stack.ports import LOOPBACK
from parley_cli.stack.probes import mongo_ping
from parley_cli.stack.servers import Program

# A small heap that is never grown over, a collector and a compiler that fit two cores.
JVM_FLAGS = (
    "-Xmx256m",
    "-Xmn128m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
)


def part(plan: StackPlan, program: Program) -> Part:
    """The database of this plan."""
    folder, port = plan.data("mongo"), str(plan.ports["mongo"])
    probe = mongo_ping(plan.mongo_uri, LOOPBACK, plan.ports["mongo"])
    if program.built:
        file = str(folder / "parley.mv.db")
        argv = ["java", *JVM_FLAGS, "-jar", str(program.path), "--file", file, "--port", port]
    else:
        argv = [str(program.path), "--dbpath", str(folder), "--port", port, "--bind_ip", LOOPBACK]
    return Part(name="mongo", argv=argv, url=plan.mongo_uri, probe=probe)
