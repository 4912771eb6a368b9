"""measure.py: runs commands, alternating, and keeps what was measured. Knows nothing of what is run."""
import collections, json, os, statistics, subprocess, sys

EMPTY_PROGRAM = "int main(void) { return 0; }\n"


class Failed(Exception):
    """A part cannot go on; the text says why."""


Command = collections.namedtuple("Command", "argv repeats env report", defaults=(1, None, None))


class Runs:
    """What one contender did: one number a round (the median of its repeats in that round), of wall and
    of processor seconds (all its processes)."""

    def __init__(self):
        self.rounds, self.cpu, self.rss, self.reports = [], [], 0.0, []

    @property
    def seconds(self):
        return statistics.median(self.rounds)

    @property
    def spread(self):
        return (max(self.rounds) - min(self.rounds)) / self.seconds if len(self.rounds) > 1 else 0.0

    def reported(self, key):
        """The median over the rounds of what the contender itself wrote down."""
        return statistics.median(r[key] for r in self.reports)


class Lab:
    def __init__(self, folder, progress):
        os.makedirs(folder, exist_ok=True)
        self.folder, self.progress = folder, progress
        self.figures, self.notes = {}, []
        here = os.path.dirname(os.path.abspath(__file__))
        self.launcher = self.compile("launch", open(os.path.join(here, "launch.c")).read())

    def compile(self, name, source):
        path = os.path.join(self.folder, name)
        command = [os.environ.get("CC", "cc"), "-O2", "-D_GNU_SOURCE", "-x", "c", "-", "-o", path]
        subprocess.run(command, input=source, text=True, check=True)
        return path

    def empty_program(self):
        return self.compile("empty", EMPTY_PROGRAM)

    def launch(self, command):
        """Runs a command command.repeats times; a list of {wall, user, system, rss_kib}."""
        env = dict(os.environ, **(command.env or {}))
        done = subprocess.run([self.launcher, str(command.repeats)] + command.argv, env=env,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
        runs = [json.loads(line) for line in done.stdout.splitlines()]
        if done.returncode or not runs or any(r["status"] for r in runs):
            raise Failed(f"{' '.join(command.argv)[:200]}: failed: {done.stderr.strip()[-600:]}")
        return runs

    def alternate(self, commands, rounds):
        """A B A B ..: each round runs every contender; {name: Runs}. A first run of the quick ones
        (those with repeats) warms the page cache and is not counted."""
        runs = {name: Runs() for name in commands}
        for command in commands.values():
            if command.repeats > 1:
                self.launch(command._replace(repeats=1))
        for i in range(rounds):
            for name, command in commands.items():
                self.progress(f"{name}, round {i + 1} of {rounds}")
                done = self.launch(command)
                runs[name].rounds.append(statistics.median(r["wall"] for r in done))
                runs[name].cpu.append(statistics.median(r["user"] + r["system"] for r in done))
                runs[name].rss = max([runs[name].rss] + [r["rss_kib"] * 1024 / 1e6 for r in done])
                if command.report:
                    runs[name].reports.append(json.load(open(command.report)))
        return runs

    def output(self, argv, env=None):
        done = subprocess.run(argv, env=dict(os.environ, **(env or {})), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, errors="replace")
        if done.returncode:
            raise Failed(f"{' '.join(argv)[:200]}: {done.stderr.strip()[-600:]}")
        return done.stdout

    def json_output(self, argv, env=None):
        return json.loads(self.output(argv, env))

    def figure(self, name, value, unit, better="higher", gate=None):
        """gate: None (shown only) or the tolerance class of report.TOLERANCES."""
        self.figures[name] = {"value": value, "unit": unit, "better": better, "gate": gate}
        return value

    def ratio(self, name, ours, theirs):
        """How many times as long they take as we, round by round."""
        return self._ratio(name, ours.rounds, theirs.rounds)

    def cpu_ratio(self, name, ours, theirs):
        """The same of processor time, which a busy machine disturbs less."""
        return self._ratio(name, ours.cpu, theirs.cpu)

    def _ratio(self, name, ours, theirs):
        per_round = [b / a for a, b in zip(ours, theirs)]
        return self.figure(name, statistics.median(per_round), "x", gate="speed")

    def note(self, text):
        self.notes.append(text)
        self.progress("")
        print("  ! " + text, file=sys.stderr, flush=True)
