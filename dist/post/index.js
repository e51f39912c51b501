import { createRequire as __WEBPACK_EXTERNAL_createRequire } from "module";
/******/ var __webpack_modules__ = ({

/***/ 24:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:fs");

/***/ }),

/***/ 163:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __nccwpck_require__) => {


// EXPORTS
__nccwpck_require__.d(__webpack_exports__, {
  p7: () => (/* binding */ distrust)
});

// UNUSED EXPORTS: Docker, trust, trustFile

;// CONCATENATED MODULE: external "node:http"
const external_node_http_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:http");
;// CONCATENATED MODULE: external "node:os"
const external_node_os_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:os");
;// CONCATENATED MODULE: external "node:path"
const external_node_path_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:path");
;// CONCATENATED MODULE: external "node:child_process"
const external_node_child_process_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:child_process");
;// CONCATENATED MODULE: external "node:stream"
const external_node_stream_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:stream");
;// CONCATENATED MODULE: ./build/program.js

/**
 * Runs a program without a shell. An exit code is a result; only a program that is not there, or `cancelled`, rejects.
 */
function run(program, args, { input = '', cancelled, onLine, } = {}) {
    return new Promise((resolve, reject) => {
        const child = (0,external_node_child_process_namespaceObject.spawn)(program, args, { env: environment(), signal: cancelled });
        const said = { stdout: '', text: '' };
        let rest = '';
        const hear = (chunk) => {
            said.text += chunk;
            const lines = (rest + chunk).split('\n');
            rest = lines.pop() ?? '';
            for (const line of lines)
                onLine?.(line);
        };
        child.stdout.setEncoding('utf8').on('data', (chunk) => {
            said.stdout += chunk;
            hear(chunk);
        });
        child.stderr.setEncoding('utf8').on('data', hear);
        child.on('error', reject);
        child.on('close', code => resolve({ ...said, code: code ?? 128 }));
        // A program may end without reading all its input; its exit code tells the story.
        child.stdin.on('error', () => { });
        child.stdin.end(input);
    });
}
/**
 * Which engine Docker talks to is the user’s choice; our own inputs, secrets among them, are nothing to a child. By the
 * tracking id the runner finds what a killed step leaves behind.
 */
function environment() {
    const kept = /^(PATH|HOME|TMPDIR|XDG_(RUNTIME_DIR|CONFIG_HOME)|RUNNER_TRACKING_ID|SSH_AUTH_SOCK|DOCKER_(CONFIG|HOST|CONTEXT|TLS|TLS_VERIFY|CERT_PATH|API_VERSION)|(HTTPS?|NO|ALL)_PROXY)$/i;
    const entries = Object.entries(process.env).filter((entry) => entry[1] !== undefined && kept.test(entry[0]));
    return Object.fromEntries(entries);
}
function program_lastLine(text) {
    return text.trim().split('\n').at(-1) || 'it said nothing';
}

;// CONCATENATED MODULE: ./build/docker/dial.js




/**
 * Connections to the runner’s Docker engine, each used again when its request has ended. `docker system dial-stdio`, which
 * Docker itself uses over SSH, leads to it by the user’s own context, TLS and socket; but it is a process that takes as
 * long to start as the engine needs for ten answers.
 */
class dial_Dial extends external_node_http_namespaceObject.Agent {
    #children = new Set();
    /** Why a connection ended, once its process has. */
    #ends = new WeakMap();
    constructor() {
        super({ keepAlive: true });
        // They would notice that nobody is there any more, but some time later.
        process.once('exit', () => {
            for (const child of this.#children)
                child.kill('SIGKILL');
        });
    }
    createConnection() {
        const child = (0,external_node_child_process_namespaceObject.spawn)('docker', ['system', 'dial-stdio'], { env: environment() });
        const connection = external_node_stream_namespaceObject.Duplex.from({ readable: child.stdout, writable: child.stdin });
        let code;
        let words = '';
        child.stderr.setEncoding('utf8').on('data', chunk => {
            words += chunk;
        });
        child.on('error', (error) => {
            code = error.code;
            connection.destroy(error);
        });
        const ended = new Promise(resolve => {
            child.on('close', () => {
                this.#children.delete(child);
                resolve(unreachable(code, words));
            });
        });
        this.#children.add(child);
        this.#ends.set(connection, ended);
        connection.on('close', () => child.kill());
        // Heard by a request as long as there is one; between two it is nobody’s.
        connection.on('error', () => { });
        const handles = [child, ...[child.stdin, child.stdout, child.stderr]];
        return Object.assign(connection, {
            // Node’s agent expects it of a socket.
            ref: () => handles.forEach(handle => void handle.ref()),
            unref: () => handles.forEach(handle => void handle.unref()),
        });
    }
    /** Why a connection does not lead to the engine, in a sentence. */
    async reason(connection) {
        return (await this.#ends.get(connection)) ?? unreachable(undefined, '');
    }
    // What waits for another request keeps nobody from ending.
    keepSocketAlive(connection) {
        connection.unref();
        return true;
    }
}
function unreachable(code, words) {
    if (code === 'ENOENT')
        return 'this runner has no Docker; install it, or push an archive (`image: oci-archive:app.tar`)';
    if (/permission denied/i.test(words))
        return 'this runner’s user may not use Docker; add it to the group docker, or set DOCKER_HOST to an engine of its own';
    return `this runner’s Docker does not answer; start it (\`sudo systemctl start docker\`), or look at DOCKER_HOST and the context: ${program_lastLine(words)}`;
}

;// CONCATENATED MODULE: ./build/docker.js





/** Milliseconds for taking back a tag, after which a cancelled job would be killed anyhow. */
const patience = 10_000;
/**
 * The runner’s Docker engine, through its API.
 *
 * The API takes a login with each push, so ours is never written anywhere, no credential helper keeps it, and the
 * user’s own logins stay as they are.
 */
class Docker {
    #cancelled;
    #dial = new Dial();
    #prefix = '';
    constructor(cancelled) {
        this.#cancelled = cancelled;
    }
    /** Throws a sentence if there is no engine that answers. */
    static async connect(cancelled) {
        const docker = new Docker(cancelled);
        const pong = await docker.#send('GET', '/_ping');
        pong.resume();
        const version = pong.headers['api-version'];
        if (typeof version === 'string')
            docker.#prefix = `/v${version}`;
        return docker;
    }
    async image(name) {
        const { status, body } = await this.#ask('GET', `/images/${name}/json`);
        if (status === 404)
            return undefined;
        if (status !== 200)
            throw new Error(`Docker can’t look at ${name}: ${complaint(body)}`);
        const found = JSON.parse(body);
        return { id: found.Id, size: found.Size, names: found.RepoTags ?? [] };
    }
    /** The names of all images, as `docker images` shows them. */
    async names() {
        const { body } = await this.#ask('GET', '/images/json');
        const images = JSON.parse(body);
        return images.flatMap(({ RepoTags }) => RepoTags ?? []).filter(name => name !== '<none>:<none>');
    }
    /**
     * Pushes an image as `name:tag`, and leaves the engine’s tags as they were, also when it is cancelled. Returns the
     * digest; throws what the engine says.
     */
    async push({ id, names }, name, tag, user, hear, cancelled) {
        const reference = `${name}:${tag}`;
        const before = await this.image(reference);
        if (before?.id !== id)
            await this.#tag(id, name, tag);
        try {
            let digest;
            let error;
            const headers = { 'x-registry-auth': login(name, user) };
            const response = await this.#send('POST', `/images/${name}/push?tag=${tag}`, cancelled, headers);
            for await (const line of lines(response)) {
                const message = JSON.parse(line);
                error ??= message.error ?? message.message;
                digest = message.aux?.Digest ?? digest;
                hear(message);
            }
            if (error !== undefined)
                throw new Error(error);
            // Before 28 the containerd store does not tell the digest; there it is the image’s own, and the caller checks it.
            return digest ?? id;
        }
        finally {
            const signal = AbortSignal.timeout(patience);
            if (before && before.id !== id)
                await this.#tag(before.id, name, tag, signal);
            // Docker deletes an image with its last name.
            if (!before && names.length > 0)
                await this.#ask('DELETE', `/images/${reference}?noprune=1`, signal);
        }
    }
    /** Whether it runs without root, and so looks for authorities in the user’s own folder. */
    async rootless() {
        const { body } = await this.#ask('GET', '/info');
        const { SecurityOptions = [] } = JSON.parse(body);
        return SecurityOptions.includes('name=rootless');
    }
    async #tag(id, name, tag, signal) {
        const { status, body } = await this.#ask('POST', `/images/${id}/tag?repo=${name}&tag=${tag}`, signal);
        if (status !== 201)
            throw new Error(`Docker can’t tag ${id} as ${name}:${tag}: ${complaint(body)}`);
    }
    async #ask(method, path, signal) {
        const response = await this.#send(method, path, signal);
        let body = '';
        for await (const chunk of response.setEncoding('utf8'))
            body += chunk;
        return { status: response.statusCode ?? 0, body };
    }
    #send(method, path, signal = this.#cancelled, headers = {}) {
        return new Promise((resolve, reject) => {
            const outgoing = request({
                agent: this.#dial,
                method,
                path: this.#prefix + path,
                headers: { host: 'docker', ...headers },
                signal,
            });
            outgoing.on('error', error => {
                if (signal.aborted)
                    reject(new Error('cancelled'));
                // The engine was started anew meanwhile. Whatever it had heard of this may be asked again.
                else if (outgoing.reusedSocket)
                    resolve(this.#send(method, path, signal, headers));
                else if (outgoing.socket)
                    void this.#dial.reason(outgoing.socket).then(text => reject(new Error(text)));
                else
                    reject(error);
            });
            outgoing.on('response', resolve);
            outgoing.end();
        });
    }
}
/** The lines of an answer that comes bit by bit. */
async function* lines(response) {
    let rest = '';
    try {
        for await (const chunk of response.setEncoding('utf8')) {
            const whole = (rest + chunk).split('\n');
            rest = whole.pop() ?? '';
            yield* whole.filter(line => line.trim() !== '');
        }
    }
    catch {
        throw new Error('the engine ended the connection half way (connection reset)');
    }
    if (rest.trim() !== '')
        yield rest;
}
// The engine wants the URL alphabet and, unlike Node’s `base64url`, the padding.
function login(name, user) {
    const auth = user ? { username: user.name, password: user.password, serveraddress: name.split('/')[0] } : {};
    return Buffer.from(JSON.stringify(auth)).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}
function complaint(body) {
    try {
        return JSON.parse(body).message;
    }
    catch {
        return lastLine(body);
    }
}
/**
 * Where Docker looks for the authorities of one registry. `id` tells the files of jobs at the same time apart, and
 * whatever else is there is left alone.
 */
function trustFile(domain, id, rootless) {
    const own = join(process.env.XDG_CONFIG_HOME ?? join(homedir(), '.config'), 'docker');
    return `${rootless ? own : '/etc/docker'}/certs.d/${domain}/${id}.crt`;
}
/** Makes the engine trust a private authority for one registry; it reads the folder at each connection. */
async function trust(file, ca) {
    const said = await privileged(file, 'mkdir -p "${1%/*}" && cat >"$1"', ca);
    if (said.code !== 0)
        throw new Error(`this runner’s Docker can’t be told to trust \`ca\`, for ${file} can’t be written: ${lastLine(said.text)}`);
}
/** Takes back what `trust` did. */
async function distrust(file) {
    await privileged(file, 'rm -f "$1"; rmdir "${1%/*}" 2>/dev/null || :');
}
// Docker's own folder belongs to root; a hosted runner's user has sudo.
function privileged(file, script, input = '') {
    const sudo = process.getuid?.() === 0 || !file.startsWith('/etc/') ? [] : ['sudo', '-n'];
    const [program = '', ...args] = [...sudo, 'sh', '-c', script, 'sh', file];
    return run(program, args, { input });
}


/***/ }),

/***/ 756:
/***/ ((__webpack_module__, __unused_webpack___webpack_exports__, __nccwpck_require__) => {

__nccwpck_require__.a(__webpack_module__, async (__webpack_handle_async_dependencies__, __webpack_async_result__) => { try {
/* harmony import */ var node_fs__WEBPACK_IMPORTED_MODULE_0__ = __nccwpck_require__(24);
/* harmony import */ var _docker_js__WEBPACK_IMPORTED_MODULE_1__ = __nccwpck_require__(163);


// Runs also when the step failed or was cancelled. STATE_* is what the step saved before it wrote anything.
const { STATE_folder: folder, STATE_trust: trust } = process.env;
if (folder)
    (0,node_fs__WEBPACK_IMPORTED_MODULE_0__.rmSync)(folder, { recursive: true, force: true });
if (trust)
    await (0,_docker_js__WEBPACK_IMPORTED_MODULE_1__/* .distrust */ .p7)(trust);

__webpack_async_result__();
} catch(e) { __webpack_async_result__(e); } }, 1);

/***/ })

/******/ });
/************************************************************************/
/******/ // The module cache
/******/ var __webpack_module_cache__ = {};
/******/ 
/******/ // The require function
/******/ function __nccwpck_require__(moduleId) {
/******/ 	// Check if module is in cache
/******/ 	var cachedModule = __webpack_module_cache__[moduleId];
/******/ 	if (cachedModule !== undefined) {
/******/ 		return cachedModule.exports;
/******/ 	}
/******/ 	// Create a new module (and put it into the cache)
/******/ 	var module = __webpack_module_cache__[moduleId] = {
/******/ 		// no module.id needed
/******/ 		// no module.loaded needed
/******/ 		exports: {}
/******/ 	};
/******/ 
/******/ 	// Execute the module function
/******/ 	var threw = true;
/******/ 	try {
/******/ 		__webpack_modules__[moduleId](module, module.exports, __nccwpck_require__);
/******/ 		threw = false;
/******/ 	} finally {
/******/ 		if(threw) delete __webpack_module_cache__[moduleId];
/******/ 	}
/******/ 
/******/ 	// Return the exports of the module
/******/ 	return module.exports;
/******/ }
/******/ 
/************************************************************************/
/******/ /* webpack/runtime/asset-relocator-loader */
/******/ if (typeof __nccwpck_require__ !== 'undefined') __nccwpck_require__.ab = decodeURIComponent(new URL('.', import.meta.url).pathname).slice(import.meta.url.match(/^file:\/\/\/\w:/) ? 1 : 0, -1) + "/";
/******/ 
/******/ /* webpack/runtime/async module */
/******/ (() => {
/******/ 	var webpackQueues = typeof Symbol === "function" ? Symbol("webpack queues") : "__webpack_queues__";
/******/ 	var webpackExports = typeof Symbol === "function" ? Symbol("webpack exports") : "__webpack_exports__";
/******/ 	var webpackError = typeof Symbol === "function" ? Symbol("webpack error") : "__webpack_error__";
/******/ 	var resolveQueue = (queue) => {
/******/ 		if(queue && queue.d < 1) {
/******/ 			queue.d = 1;
/******/ 			queue.forEach((fn) => (fn.r--));
/******/ 			queue.forEach((fn) => (fn.r-- ? fn.r++ : fn()));
/******/ 		}
/******/ 	}
/******/ 	var wrapDeps = (deps) => (deps.map((dep) => {
/******/ 		if(dep !== null && typeof dep === "object") {
/******/ 			if(dep[webpackQueues]) return dep;
/******/ 			if(dep.then) {
/******/ 				var queue = [];
/******/ 				queue.d = 0;
/******/ 				dep.then((r) => {
/******/ 					obj[webpackExports] = r;
/******/ 					resolveQueue(queue);
/******/ 				}, (e) => {
/******/ 					obj[webpackError] = e;
/******/ 					resolveQueue(queue);
/******/ 				});
/******/ 				var obj = {};
/******/ 				obj[webpackQueues] = (fn) => (fn(queue));
/******/ 				return obj;
/******/ 			}
/******/ 		}
/******/ 		var ret = {};
/******/ 		ret[webpackQueues] = x => {};
/******/ 		ret[webpackExports] = dep;
/******/ 		return ret;
/******/ 	}));
/******/ 	__nccwpck_require__.a = (module, body, hasAwait) => {
/******/ 		var queue;
/******/ 		hasAwait && ((queue = []).d = -1);
/******/ 		var depQueues = new Set();
/******/ 		var exports = module.exports;
/******/ 		var currentDeps;
/******/ 		var outerResolve;
/******/ 		var reject;
/******/ 		var promise = new Promise((resolve, rej) => {
/******/ 			reject = rej;
/******/ 			outerResolve = resolve;
/******/ 		});
/******/ 		promise[webpackExports] = exports;
/******/ 		promise[webpackQueues] = (fn) => (queue && fn(queue), depQueues.forEach(fn), promise["catch"](x => {}));
/******/ 		module.exports = promise;
/******/ 		body((deps) => {
/******/ 			currentDeps = wrapDeps(deps);
/******/ 			var fn;
/******/ 			var getResult = () => (currentDeps.map((d) => {
/******/ 				if(d[webpackError]) throw d[webpackError];
/******/ 				return d[webpackExports];
/******/ 			}))
/******/ 			var promise = new Promise((resolve) => {
/******/ 				fn = () => (resolve(getResult));
/******/ 				fn.r = 0;
/******/ 				var fnQueue = (q) => (q !== queue && !depQueues.has(q) && (depQueues.add(q), q && !q.d && (fn.r++, q.push(fn))));
/******/ 				currentDeps.map((dep) => (dep[webpackQueues](fnQueue)));
/******/ 			});
/******/ 			return fn.r ? promise : getResult();
/******/ 		}, (err) => ((err ? reject(promise[webpackError] = err) : outerResolve(exports)), resolveQueue(queue)));
/******/ 		queue && queue.d < 0 && (queue.d = 0);
/******/ 	};
/******/ })();
/******/ 
/******/ /* webpack/runtime/define property getters */
/******/ (() => {
/******/ 	// define getter functions for harmony exports
/******/ 	__nccwpck_require__.d = (exports, definition) => {
/******/ 		for(var key in definition) {
/******/ 			if(__nccwpck_require__.o(definition, key) && !__nccwpck_require__.o(exports, key)) {
/******/ 				Object.defineProperty(exports, key, { enumerable: true, get: definition[key] });
/******/ 			}
/******/ 		}
/******/ 	};
/******/ })();
/******/ 
/******/ /* webpack/runtime/hasOwnProperty shorthand */
/******/ (() => {
/******/ 	__nccwpck_require__.o = (obj, prop) => (Object.prototype.hasOwnProperty.call(obj, prop))
/******/ })();
/******/ 
/************************************************************************/
/******/ 
/******/ // startup
/******/ // Load entry module and return exports
/******/ // This entry module used 'module' so it can't be inlined
/******/ var __webpack_exports__ = __nccwpck_require__(756);
/******/ __webpack_exports__ = await __webpack_exports__;
/******/ 
