/** What is loaded before a program comes; the image of a started interpreter holds it. */
export const PYTHON_IMPORTS =
  "import asyncio, ast, base64, builtins, collections, copy, csv, dataclasses, datetime, decimal, enum, functools, gc, " +
  "hashlib, hmac, heapq, html, inspect, io, itertools, json, linecache, math, operator, os, random, re, statistics, " +
  "string, sys, textwrap, time, traceback, types, typing, unicodedata, urllib.parse, uuid, zlib, importlib.machinery";

/**
 * The Python side of a child: it takes the bridge to JavaScript apart, then waits to run one program. It answers
 * `serve`, called once with nothing; the job and the result pass as text.
 */
export const PYTHON_BOOT = `
def __weft_boot__(job_path, work, max_output, max_file_bytes, max_files):
    ${PYTHON_IMPORTS}
    FILE = "main.py"

    class Args(dict):
        """What main gets: inputs by name, and all of them as params."""
        @property
        def params(self):
            return self
        input = params

    class _Ready:
        def select(self, timeout):
            if timeout is None:
                raise RuntimeError("main never ended: nothing is left that could wake it")
            if timeout > 0:
                time.sleep(timeout)
            return ()
        def close(self):
            pass

    class Loop(asyncio.BaseEventLoop):
        """An event loop of timers alone: there is nothing outside to wait for."""
        def __init__(self):
            super().__init__()
            self._selector = _Ready()
        def _process_events(self, events):
            pass
        def _write_to_self(self):
            pass

    def run_async(awaitable, *_, **__):
        async def wait():
            return await awaitable
        loop = Loop()
        asyncio.events._set_running_loop(None)
        try:
            return loop.run_until_complete(wait())
        finally:
            loop.close()

    time.sleep = getattr(time.sleep, "__wrapped__", time.sleep)
    asyncio.events._event_loop_policy = None
    asyncio.run = asyncio.runners.run = run_async
    asyncio.new_event_loop = asyncio.events.new_event_loop = Loop

    BRIDGE = ("js", "pyodide_js", "pyodide", "_pyodide", "_pyodide_core", "ctypes", "_ctypes", "micropip")

    class Closed:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name.partition(".")[0] in BRIDGE:
                raise ImportError(f"{name} is not available to a program")
            return None

    def is_proxy(value):
        return type(type(value)).__name__ == "_JsProxyMetaClass"

    def purge():
        """Takes away every way to an object of JavaScript that Python's own structures hold."""
        for finder in sys.meta_path:
            proxies = getattr(finder, "jsproxies", None)
            if isinstance(proxies, dict):
                proxies.clear()
        sys.meta_path[:] = [Closed] + [finder for finder in sys.meta_path if not type(finder).__module__.startswith("_pyodide")]
        for name in list(sys.modules):
            if name.partition(".")[0] in BRIDGE:
                del sys.modules[name]
        for holder in gc.get_objects():
            if isinstance(holder, dict):
                for key in list(holder):
                    value = dict.get(holder, key)
                    if is_proxy(value):
                        dict.pop(holder, key, None)
            elif type(holder) is list:
                holder[:] = [value for value in holder if not is_proxy(value)]
            elif isinstance(holder, types.CellType):
                try:
                    if is_proxy(holder.cell_contents):
                        del holder.cell_contents
                except ValueError:
                    pass
            else:
                try:
                    attributes = vars(holder)
                except TypeError:
                    continue
                for key, value in list(attributes.items()):
                    if is_proxy(value):
                        try:
                            delattr(holder, key)
                        except AttributeError:
                            pass
        sys.path_hooks[:] = [hook for hook in sys.path_hooks if not getattr(hook, "__module__", "").startswith("_pyodide")]
        sys.path_importer_cache.clear()
        sys.last_exc = sys.last_traceback = sys.last_type = sys.last_value = None

    def refuse(name):
        def refused(*_, **__):
            raise PermissionError(f"{name} is not available to a program")
        return refused

    def close_os():
        import posix
        for name in ("system", "popen", "fork", "forkpty", "execv", "execve", "posix_spawn", "posix_spawnp", "kill", "killpg", "_exit", "abort"):
            for module in (os, posix):
                if hasattr(module, name):
                    setattr(module, name, refuse("os." + name))
        for name in list(os.environ):
            del os.environ[name]
        os.environ["HOME"] = work
        os.environ["LANG"] = "C.UTF-8"

    def plain(value):
        if isinstance(value, (set, frozenset, collections.deque, range)) or inspect.isgenerator(value):
            return list(value)
        if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
            return value.isoformat()
        if isinstance(value, decimal.Decimal):
            return float(value)
        if isinstance(value, (bytes, bytearray)):
            return base64.b64encode(value).decode()
        if isinstance(value, uuid.UUID):
            return str(value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return dataclasses.asdict(value)
        raise TypeError(f"main returned something that JSON cannot hold: {type(value).__name__}")

    def call(main, inputs):
        parameters = list(inspect.signature(main).parameters.values())
        if not parameters:
            return main()
        if any(p.kind is p.VAR_KEYWORD for p in parameters):
            return main(**inputs)
        needed = [p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]
        by_name = all(name in inputs for name in needed) and (needed or any(p.name in inputs for p in parameters))
        if by_name and not (len(parameters) == 1 and parameters[0].name in ("args", "params") and parameters[0].name not in inputs):
            return main(**{p.name: inputs[p.name] for p in parameters if p.name in inputs})
        return main(Args(inputs))

    def describe(thrown):
        if isinstance(thrown, MemoryError):
            return {"code": "memory_exceeded", "message": "the code used more memory than it may"}
        frames = [frame for frame in traceback.extract_tb(thrown.__traceback__) if frame.filename == FILE]
        name = type(thrown).__name__
        message = str(thrown)
        if isinstance(thrown, ImportError):
            thrown.__notes__ = []
        error = {"code": "code_error", "message": f"{name}: {message}" if message else name}
        if isinstance(thrown, SyntaxError) and thrown.filename == FILE:
            error.update(code="syntax_error", message=f"{name}: {thrown.msg}", line=thrown.lineno or 1, column=thrown.offset or 1)
        elif frames:
            error["line"] = frames[-1].lineno
            if frames[-1].colno is not None:
                error["column"] = frames[-1].colno + 1
        head = "Traceback (most recent call last):\\n" if frames else ""
        tail = "".join(traceback.format_exception_only(thrown))
        error["stack"] = (head + "".join(traceback.format_list(frames[-20:])) + tail)[:8000]
        return error

    def give_files(files):
        given = {}
        for file in files:
            content = base64.b64decode(file["base64"])
            with open(os.path.join(work, file["name"]), "wb") as target:
                target.write(content)
            given[file["name"]] = content
        return given

    def left_files(given):
        found, total = [], 0
        for name in sorted(os.listdir(work)):
            path = os.path.join(work, name)
            if os.path.islink(path) or not os.path.isfile(path):
                continue
            size = os.path.getsize(path)
            content = given.get(name)
            if content is not None and size == len(content):
                with open(path, "rb") as file:
                    if file.read() == content:
                        continue
            if len(found) == max_files or total + size > max_file_bytes:
                print(f"{name} was not kept: {max_files} files and {max_file_bytes} bytes at most", file=sys.stderr)
                continue
            total += size
            with open(path, "rb") as file:
                found.append({"name": name, "base64": base64.b64encode(file.read()).decode()})
        return found

    def execute(job):
        code = job["code"]
        linecache.cache[FILE] = (len(code), None, code.splitlines(True), FILE)
        scope = {"__name__": "__main__", "__builtins__": builtins, "Args": Args, "Output": dict, "Any": typing.Any}
        module = types.ModuleType("__main__")
        module.__dict__.update(scope)
        sys.modules["__main__"] = module
        scope = module.__dict__
        exec(compile(code, FILE, "exec", dont_inherit=True), scope)
        main = scope.get("main")
        if not callable(main):
            return None
        value = call(main, json.loads(job["inputs"]))
        return run_async(value) if inspect.isawaitable(value) else value

    dumps = json.dumps

    def serve():
        with open(job_path, encoding="utf-8") as file:
            job = json.load(file)
        os.remove(job_path)
        os.chdir(work)
        given = give_files(job["files"])
        result = {"output": "null", "exitCode": 0}
        try:
            value = execute(job)
            try:
                text = dumps(value, default=plain, allow_nan=False, ensure_ascii=False)
            except (TypeError, ValueError, RecursionError) as thrown:
                result.update(exitCode=1, error={"code": "invalid_output", "message": f"{type(thrown).__name__}: {thrown}"})
            else:
                if len(text.encode("utf-8", "replace")) > max_output:
                    result.update(exitCode=1, error={"code": "output_too_large", "message": f"the output has more than {max_output} bytes"})
                else:
                    result["output"] = text
        except SystemExit as thrown:
            status = 0 if thrown.code is None else thrown.code if isinstance(thrown.code, int) else 1
            result["exitCode"] = status & 255
            if result["exitCode"]:
                result["error"] = {"code": "code_error", "message": f"SystemExit: {thrown.code}"}
        except BaseException as thrown:
            error = describe(thrown)
            result.update(exitCode=137 if error["code"] == "memory_exceeded" else 1, error=error)
            print(error.get("stack", error["message"]), file=sys.stderr)
        try:
            result["files"] = left_files(given)
            sys.stdout.flush()
            sys.stderr.flush()
        except BaseException:
            pass
        return dumps(result)

    # The image that this was started from holds one state of it for all.
    random.seed()
    run_async(asyncio.sleep(0))
    call(lambda args: args, {})
    close_os()
    purge()
    gc.collect()
    return serve

__weft_boot__
`;
