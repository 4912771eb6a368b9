"""servers.py: starts web servers, asks them and looks at their processes. Knows nothing of what is compared."""
import contextlib, http.client, json, os, shutil, signal, socket, subprocess, sys, time
from measure import Failed

HERE = os.path.dirname(os.path.abspath(__file__))
NGINX = """worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log; {user}
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_timeout 75s; keepalive_requests 1000000000; default_type application/json;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port}; location / {{ return 200 '{answer}'; }} }}
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pinned(argv, core):
    """On one core: the client has the other. A machine with one core has to share it."""
    return ["taskset", "-c", str(core), *argv] if shutil.which("taskset") and core < os.cpu_count() else argv


class Served:
    """A server that answers from the start of the block to its end."""

    def __init__(self, argv, port, env=None, cwd=None, core=0):
        self.port, self.said = port, os.path.abspath(f"build/bench/work/server_{port}.log")
        os.makedirs(os.path.dirname(self.said), exist_ok=True)
        with open(self.said, "wb") as log:
            self.start = time.perf_counter()
            self.process = subprocess.Popen(pinned(argv, core), env=dict(os.environ, **(env or {})), cwd=cwd, stdout=log, stderr=log)
        self.ready = self._await()

    def _await(self):
        """Until a request is answered; seconds."""
        while time.perf_counter() - self.start < 60:
            if self.process.poll() is not None:
                raise Failed(f"a server ended: {open(self.said, errors='replace').read()[-600:]}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.post("good")
                return time.perf_counter() - self.start
        raise Failed("a server does not answer")

    def post(self, text):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with contextlib.closing(c):
            c.request("POST", "/predict", json.dumps({"text": text}), {"Content-Type": "application/json"})
            answer = c.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise Failed(f"status {answer.status}: {body[:200]}")
            return json.loads(body)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.remove(self.said)

    def processes(self):
        """Its own number and those of its children."""
        me, parents = self.process.pid, {}
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError):
                    parents[int(name)] = int(open(f"/proc/{name}/stat").read().rpartition(")")[2].split()[1])
        return [me] + [p for p, parent in parents.items() if parent == me]

    def cpu_seconds(self):
        total = 0
        for p in self.processes():
            for task in os.listdir(f"/proc/{p}/task"):
                with contextlib.suppress(OSError):
                    total += int(open(f"/proc/{p}/task/{task}/schedstat").read().split()[0])
        return total * 1e-9

    def resident_mb(self):
        total = 0
        for p in self.processes():
            total += int(open(f"/proc/{p}/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE")
        return total / 1e6


def nginx(folder, answer):
    """One worker that answers every request with the same bytes."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if not program:
        raise Failed("nginx is missing (tools/deps.sh test)")
    os.makedirs(folder, exist_ok=True)
    port, path = free_port(), os.path.join(folder, "nginx.conf")
    with open(path, "w") as f:
        user = "user root;" if os.getuid() == 0 else ""  # the folder is ours alone
        f.write(NGINX.format(folder=folder, port=port, answer=answer, user=user))
    return Served([program, "-p", folder, "-e", os.path.join(folder, "error.log"), "-c", path], port)


def gunicorn(python, model, *more):
    port = free_port()
    argv = [os.path.abspath(python), "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "1", "--log-level", "warning", *more, "peer_flask:app"]
    return Served(argv, port, env={"MODEL": os.path.abspath(model), "OMP_NUM_THREADS": "1"}, cwd=HERE)


def valence(program, *options):
    port = free_port()
    return Served([program, "serve", "--port", str(port), "--grace", "0", "--threads", "1", *options], port)


def wrk(server, bodies, seconds, connections=64):
    """What wrk found, with the server's own processor time: {rate, cpu_us, ...}."""
    if not shutil.which("wrk"):
        raise Failed("wrk is missing (tools/deps.sh test)")
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", os.path.join(HERE, "post.lua"),
            f"http://127.0.0.1:{server.port}", "--", bodies]
    before = server.cpu_seconds()
    done = subprocess.run(pinned(argv, 1), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    used = server.cpu_seconds() - before
    found = json.loads(done.stdout.strip().split("\n")[-1]) if done.returncode == 0 else {"requests": 0}
    if not found["requests"] or found["wrong"]:
        raise Failed(f"wrk: {done.stdout[-400:]}")
    return dict(found, rate=found["requests"] / found["seconds"], cpu_us=used / found["requests"] * 1e6)


class Idle:
    """Many connections that say nothing after one request each."""

    def __init__(self, server, count):
        raise_descriptors(count + 200)
        self.open = []
        body = b'{"text":"good"}'
        request = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        for _ in range(count):
            s = socket.create_connection(("127.0.0.1", server.port), 10)
            s.sendall(request)
            if not s.recv(4096).startswith(b"HTTP/1.1 200"):
                raise Failed(f"connection {len(self.open)} was not answered")
            self.open.append(s)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for s in self.open:
            s.close()


def raise_descriptors(count):
    import resource
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= count:
        return
    if hard != resource.RLIM_INFINITY and hard < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))  # root may
    else:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
