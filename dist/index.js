import { createRequire as __WEBPACK_EXTERNAL_createRequire } from "module";
/******/ var __webpack_modules__ = ({

/***/ 2613:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("assert");

/***/ }),

/***/ 181:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("buffer");

/***/ }),

/***/ 5317:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("child_process");

/***/ }),

/***/ 6982:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("crypto");

/***/ }),

/***/ 4434:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("events");

/***/ }),

/***/ 9896:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("fs");

/***/ }),

/***/ 8611:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("http");

/***/ }),

/***/ 5692:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("https");

/***/ }),

/***/ 9278:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("net");

/***/ }),

/***/ 4589:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:assert");

/***/ }),

/***/ 6698:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:async_hooks");

/***/ }),

/***/ 4573:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:buffer");

/***/ }),

/***/ 1421:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:child_process");

/***/ }),

/***/ 7540:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:console");

/***/ }),

/***/ 7598:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:crypto");

/***/ }),

/***/ 3053:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:diagnostics_channel");

/***/ }),

/***/ 610:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:dns");

/***/ }),

/***/ 1553:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:dns/promises");

/***/ }),

/***/ 8474:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:events");

/***/ }),

/***/ 3024:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:fs");

/***/ }),

/***/ 1455:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:fs/promises");

/***/ }),

/***/ 7067:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:http");

/***/ }),

/***/ 2467:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:http2");

/***/ }),

/***/ 4708:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:https");

/***/ }),

/***/ 7030:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:net");

/***/ }),

/***/ 8161:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:os");

/***/ }),

/***/ 6760:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:path");

/***/ }),

/***/ 643:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:perf_hooks");

/***/ }),

/***/ 1792:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:querystring");

/***/ }),

/***/ 7075:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:stream");

/***/ }),

/***/ 8500:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:timers/promises");

/***/ }),

/***/ 1692:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:tls");

/***/ }),

/***/ 3136:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:url");

/***/ }),

/***/ 7975:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:util");

/***/ }),

/***/ 3429:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:util/types");

/***/ }),

/***/ 5919:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:worker_threads");

/***/ }),

/***/ 8522:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:zlib");

/***/ }),

/***/ 857:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("os");

/***/ }),

/***/ 6928:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("path");

/***/ }),

/***/ 932:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("process");

/***/ }),

/***/ 3193:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("string_decoder");

/***/ }),

/***/ 3557:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("timers");

/***/ }),

/***/ 4756:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("tls");

/***/ }),

/***/ 9023:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("util");

/***/ }),

/***/ 350:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __nccwpck_require__) => {

/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   DY: () => (/* binding */ rightsOf),
/* harmony export */   FC: () => (/* binding */ onDisk),
/* harmony export */   Lz: () => (/* binding */ ownAuth),
/* harmony export */   XS: () => (/* binding */ defaultImage),
/* harmony export */   bf: () => (/* binding */ ownerOf)
/* harmony export */ });
/* harmony import */ var _json_js__WEBPACK_IMPORTED_MODULE_0__ = __nccwpck_require__(9368);

/** The rights of a user: by a rule of its own, by that of `NAME` for `NAME+anything`, or by that for all others. */
function rightsOf(name, access) {
    return access.get(name) ?? access.get(ownerOf(name)) ?? access.get('*') ?? { pull: [], push: [] };
}
/** `ci+next` is a second password of `ci`. An address such as `me+x@example.com` is nobody's second password. */
function ownerOf(name) {
    return /^(.+)\+[\w.-]+$/.exec(name)?.[1] ?? name;
}
/**
 * The registry that Berth is tested with. Its digest makes it the same on every server, wherever the tag moves.
 * action.yml has it too, and so has .github/registry/Dockerfile, where Dependabot proposes the next one.
 */
const defaultImage = 'registry:3.1.2@sha256:ddf754342cfc8acc51a56d5d0ab6af06826461864460636d8bd5c546dab2a7b8';
/** Whether `registry-config` has a login of its own. Then nginx checks no passwords and only passes requests on. */
function ownAuth({ registry }) {
    const { auth } = registry.config;
    return typeof auth === 'object' && auth !== null;
}
/** Whether images are kept on the server\u2019s disk, not in a bucket or in another storage that `registry-config` names. */
function onDisk({ registry }) {
    const { storage } = registry.config;
    if (storage !== undefined && !(0,_json_js__WEBPACK_IMPORTED_MODULE_0__/* .isObject */ .Gv)(storage))
        return false;
    const filesystem = storage?.filesystem;
    return registry.bucket ? (0,_json_js__WEBPACK_IMPORTED_MODULE_0__/* .isObject */ .Gv)(filesystem) : filesystem !== null;
}


/***/ }),

/***/ 9874:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __nccwpck_require__) => {

/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   HR: () => (/* binding */ Failure),
/* harmony export */   cJ: () => (/* binding */ Cancelled),
/* harmony export */   dz: () => (/* binding */ InputError),
/* harmony export */   h_: () => (/* binding */ asFailure),
/* harmony export */   oR: () => (/* binding */ joined),
/* harmony export */   vp: () => (/* binding */ topics)
/* harmony export */ });
/**
 * Where a failure is explained: the headings of docs/troubleshooting.md, each by the name that the sources use.
 *
 * A heading is also the title of the annotation, which GitHub does not mask: it must be the same for everybody.
 */
const topics = {
    key: 'The SSH key can\u2019t be used',
    hostKey: 'The host key is missing or different',
    users: 'Users, passwords and access',
    ownCertificate: 'Your own certificate is not accepted',
    imageName: 'The name of an image or tag is not valid',
    input: 'An input is missing or wrong',
    busy: 'Another run is at work',
    samePush: 'Somebody else is pushing the same tag',
    immutable: 'A tag would move',
    keep: 'Retention keeps too little or can\u2019t be applied',
    diskFull: 'The disk is full',
    clock: 'The server\u2019s clock is wrong',
    runnerProgram: 'The runner lacks a program',
    runnerDocker: 'The runner\u2019s Docker does not answer',
    runnerLogin: 'The runner\u2019s Docker can\u2019t be logged in',
    login: 'The server refuses the SSH login',
    sudo: 'Berth can\u2019t become root',
    connectionLost: 'The connection was lost',
    connection: 'SSH does not reach the server',
    serverDocker: 'Docker does not start on the server',
    packageManager: 'Another package manager is at work',
    serverProgram: 'A program is missing on the server',
    port: 'A port is taken',
    folder: 'A folder on the server belongs to somebody else',
    rival: 'The server already has another site or registry',
    nginx: 'nginx refuses its configuration',
    noRegistry: 'The server has no registry yet',
    authority: 'The certificate authority issues no certificate',
    authorityView: 'The certificate authority sees something else',
    trust: 'A private authority is not trusted',
    renewal: 'The certificate is not renewed',
    servedCertificate: 'The wrong certificate is served',
    github: 'Berth can\u2019t write on GitHub',
    dnsRecord: 'The record in DNS can\u2019t be set',
    servers: 'One of several servers is left behind',
    dns: 'DNS does not point to the server',
    port80: 'Port 80 can\u2019t be reached',
    registryStart: 'The registry does not start',
    bucket: 'The object storage refuses or does not answer',
    registryLogin: 'The registry refuses a user',
    pushRights: 'A user may not push',
    proxy: 'A proxy limits the size of uploads',
    imageMissing: 'The image is missing',
    endpoint: 'The registry does not answer',
    push: 'A push stops halfway',
    step: 'A step on the server failed',
};
/** What went wrong, in a sentence: the cause, a semicolon, what to do. */
class Failure extends Error {
    /** `undefined` for an error that nobody expected. */
    topic;
    constructor(topic, sentence) {
        super(sentence);
        this.topic = topic;
    }
}
/** Several failures as one, with the topic of the first. `undefined` if there are none. */
function joined(failures) {
    const [first] = failures;
    return first && new Failure(first.topic, failures.map(({ message }) => message).join('\n'));
}
/** Whatever was thrown, as a failure. */
function asFailure(error) {
    if (error instanceof Failure)
        return error;
    return new Failure(undefined, error instanceof Error ? error.message : String(error));
}
/** The job was cancelled, so nothing that went wrong afterwards means anything. */
class Cancelled extends Failure {
    constructor() {
        super('connectionLost', 'the run was cancelled; run the workflow again');
    }
}
/** Every mistake in the inputs, each beginning with the input\u2019s name. */
class InputError extends Error {
    mistakes;
    constructor(mistakes) {
        super(mistakes.map(({ message }) => message).join('\n'));
        this.mistakes = mistakes;
    }
}


/***/ }),

/***/ 7413:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __nccwpck_require__) => {

/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   AQ: () => (/* binding */ daysUntil),
/* harmony export */   U9: () => (/* binding */ count),
/* harmony export */   eV: () => (/* binding */ shortReference),
/* harmony export */   eu: () => (/* binding */ literal),
/* harmony export */   fM: () => (/* binding */ lastLine),
/* harmony export */   ix: () => (/* binding */ megabytes),
/* harmony export */   p0: () => (/* binding */ duration),
/* harmony export */   t7: () => (/* binding */ withoutDomain)
/* harmony export */ });
/** `1 change`, `2 changes`. */
function count(number, noun) {
    return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
/** Milliseconds, in the unit that a person would choose. */
function duration(milliseconds) {
    if (milliseconds < 100)
        return `${Math.round(milliseconds)} ms`;
    const seconds = milliseconds / 1000;
    if (seconds < 9.95)
        return `${seconds.toFixed(1)} s`;
    const whole = Math.round(seconds);
    return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
/** Whole days from `now`, in milliseconds since 1970, until a date. */
function daysUntil(date, now) {
    return Math.floor((date.getTime() - now) / (24 * 60 * 60 * 1000));
}
/** Bytes, in the unit that a person would choose. */
function megabytes(bytes) {
    if (bytes < 1e5)
        return `${Math.ceil(bytes / 1e3)} kB`;
    return bytes < 1e9 ? `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
/** The last line that a program printed, for use in a sentence. */
function lastLine(text) {
    return text.trim().split('\n').at(-1)?.trim() || 'it said nothing';
}
/** An image\u2019s reference with its digest cut to 12 digits. */
function shortReference(image) {
    return image.replace(/(@sha256:[0-9a-f]{12})[0-9a-f]+$/, '$1\u2026');
}
/**
 * What a program said, without a domain and those that it is in: a word in a name such as `registry.timeout.dev` says nothing about
 * what went wrong.
 */
function withoutDomain(text, domain) {
    const labels = domain.split('.');
    const names = labels.slice(0, -1).map((_, index) => labels.slice(index).join('.'));
    return names.reduce((rest, name) => rest.replace(new RegExp(`(?<![\\w-])${literal(name)}(?![\\w-]|\\.\\w)`, 'gi'), 'DOMAIN'), text);
}
/** A regular expression for exactly this text. */
function literal(text) {
    return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}


/***/ }),

/***/ 6898:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __nccwpck_require__) => {


// EXPORTS
__nccwpck_require__.d(__webpack_exports__, {
  K: () => (/* binding */ readInputs)
});

// EXTERNAL MODULE: external "node:net"
var external_node_net_ = __nccwpck_require__(7030);
// EXTERNAL MODULE: ./build/desired.js
var build_desired = __nccwpck_require__(350);
// EXTERNAL MODULE: ./build/failure.js
var failure = __nccwpck_require__(9874);
;// CONCATENATED MODULE: ./build/inputs/access.js

/** Reads `access`; `undefined` lets every user pull and push everything. */
async function readAccess(reader, users, registry) {
    const text = reader.raw('access');
    if (text.trim() === '')
        return undefined;
    if ((0,build_desired/* ownAuth */.Lz)({ registry })) {
        reader.mistake('access')('needs users that nginx checks, but `registry-config` has an `auth` of its own; omit one of them');
        return undefined;
    }
    if (users === null) {
        reader.mistake('access')('needs users to give rights to, but `auth: none` has none');
        return undefined;
    }
    // Without the right names nobody can tell which ones are wrong.
    if (reader.failed('users'))
        return undefined;
    const { parseAccess } = await Promise.all(/* import() | rights */[__nccwpck_require__.e("yaml"), __nccwpck_require__.e("rights")]).then(__nccwpck_require__.bind(__nccwpck_require__, 954));
    return parseAccess(text, users, reader.mistake('access'), reader.warning('access'));
}

// EXTERNAL MODULE: external "node:crypto"
var external_node_crypto_ = __nccwpck_require__(7598);
// EXTERNAL MODULE: external "node:url"
var external_node_url_ = __nccwpck_require__(3136);
;// CONCATENATED MODULE: ./build/inputs/hosts.js



/** Splits `ssh-known-hosts` into known_hosts lines and `SHA256:\u2026` fingerprints; `mistake` hears of every other line. */
function parseKnownHosts(text, mistake) {
    const knownHosts = [];
    const fingerprints = [];
    for (const [index, raw] of text.split('\n').entries()) {
        const line = raw.trim();
        const number = index + 1;
        if (line === '' || line.startsWith('#'))
            continue;
        const [, before = '', fingerprint] = /^(.*?)(?:^|\s)(SHA256:[A-Za-z0-9+/]{43})=?(?:\s|$)/.exec(line) ?? [];
        // `ssh-keygen -l` prints the key's length before the fingerprint.
        if (fingerprint)
            fingerprints.push({
                host: /^\d*$/.test(before) ? undefined : before.toLowerCase(),
                fingerprint,
                number,
            });
        else if (/^(@\S+\s+)?\S+\s+(ssh|ecdsa|sk)-\S+\s+AAAA[A-Za-z0-9+/]+=*(\s.*)?$/.test(line))
            knownHosts.push(line);
        else {
            mistake(/^(ssh|ecdsa|sk)-\S+\s+AAAA/.test(line)
                ? `line ${number} lacks the host\u2019s name before the key`
                : `line ${number} is neither a known_hosts line nor a SHA256: fingerprint`);
        }
    }
    return { knownHosts, fingerprints };
}
const label = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/;
function isHostname(text) {
    return text.length <= 253 && text.split('.').every(part => label.test(part.toLowerCase()));
}
/**
 * What is wrong with a name that has letters which DNS does not know, and how DNS writes it; `undefined` if nothing is.
 */
function foreignLetters(name) {
    if (!/[^\0-\x7f]/.test(name))
        return undefined;
    const ascii = (0,external_node_url_.domainToASCII)(name);
    return isHostname(ascii)
        ? `${JSON.stringify(name)} has letters that DNS does not allow; write ${ascii}`
        : undefined;
}
/** Reads `[user@]host[:port] [address]`; `undefined` if it is something else. */
function parseHost(line) {
    const [ssh = '', address, ...rest] = line.split(/\s+/);
    const match = isIPv6(ssh)
        ? [ssh, undefined, undefined, ssh, undefined]
        : /^(?:([^@]+)@)?(?:\[([0-9a-fA-F:.]+)\]|([^:@[\]]+))(?::(\d{1,5}))?$/.exec(ssh);
    if (!match || rest.length > 0)
        return undefined;
    const [, user, ipv6, name, digits] = match;
    const host = ipv6 ?? name ?? '';
    const port = digits === undefined ? undefined : Number(digits);
    const good = (user === undefined || isUserName(user)) &&
        [host, address ?? host].every(isHost) &&
        (port === undefined || (port > 0 && port < 65_536));
    return good ? { user, host, port, address: address ?? host } : undefined;
}
/** Node takes 7 ms to compile its pattern for IPv6 addresses. ssh would have to wait, so a name is not compared with it. */
function isIPv6(text) {
    return /:.*:/.test(text) && (0,external_node_net_.isIP)(text) === 6;
}
function isHost(text) {
    return isHostname(text) || (0,external_node_net_.isIP)(text) !== 0;
}
function isUserName(text) {
    return /^[A-Za-z_][\w.-]*$/.test(text);
}
/** Whether a known_hosts line is for a host, whose name is written as in known_hosts. */
function isLineOf(line, host) {
    const [first = '', second = ''] = line.split(/\s+/);
    const names = first.startsWith('@') ? second : first;
    const [, salt, hash] = /^\|1\|([^|]+)\|([^|]+)$/.exec(names) ?? [];
    if (salt !== undefined)
        return (0,external_node_crypto_.createHmac)('sha1', Buffer.from(salt, 'base64')).update(host).digest('base64') === hash;
    return names.split(',').some(pattern => wildcard(pattern).test(host));
}
function wildcard(pattern) {
    const escaped = pattern.replace(/[\\^$.+()|[\]{}]/g, '\\$&');
    return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'i');
}

;// CONCATENATED MODULE: ./build/inputs/dns.js


/** Reads `acme-dns` and `acme-dns-credentials`: who sets the record that answers the authority. */
function readDns(reader, mode) {
    const text = reader
        .raw('acme-dns-credentials')
        .replace(/^\uFEFF/, '')
        .replaceAll('\r', '')
        .trim();
    for (const secret of secretsOf(text))
        reader.secret(secret);
    const name = reader.checked('acme-dns', reader.text('acme-dns'), value => /^[a-z0-9]+(-[a-z0-9]+)*$/.test(value), '`hook`, or the name of one of certbot\u2019s plugins, such as cloudflare');
    const mistake = reader.mistake('acme-dns-credentials');
    if (name === '') {
        if (text !== '')
            mistake('is given without `acme-dns`; name there what it is for');
        return undefined;
    }
    if (name === 'standalone')
        reader.mistake('acme-dns')('can\u2019t be standalone, whose name server answers only while certbot runs, so that no record can be looked at before an order; use the plugin for your provider, or `hook`');
    if (reader.text('certificate') !== '')
        reader.mistake('acme-dns')('is for certificates by ACME, but `certificate` is your own; omit one of them');
    // These need none.
    if (name === 'hook' && mode !== 'down' && mode !== 'push') {
        if (text === '')
            mistake('is missing; give a script that sets and clears a record (is the secret that it comes from set?)');
        else if (!text.startsWith('#!'))
            mistake('is not a script; with `acme-dns: hook` it must begin with a line such as `#!/bin/sh`');
    }
    return { name, credentials: text === '' ? undefined : `${text}\n` };
}
/**
 * The parts of a credential that must be masked one by one, because GitHub masks a secret only where it appears as a whole.
 *
 * In a file of settings these are the values; in a script or in JSON, the words that look random.
 */
function secretsOf(text) {
    const values = [...text.matchAll(/^[ \t]*(?:export\s+)?([\w.-]+)\s*[=:]\s*(.+?)\s*$/gm)]
        .filter(([, key = '']) => !publicKeys.test(key))
        // What a function of a script calls `create` would be missed in each line of the log.
        .filter(([line, key = '']) => !text.startsWith('#!') || !/^\s/.test(line) || secretKeys.test(key))
        .map(([, key = '', value = '']) => ({ key, value: value.replace(/^(["'])(.*)\1$/, '$2') }));
    const named = /^(#!|\{)/.test(text)
        ? [...text.matchAll(namedSecret), ...text.matchAll(login)].map(([, value = '']) => value)
        : [];
    const words = text.replace(/^[ \t]*[\w.-]+\s*[=:]/gm, '').split(/[\s"'`=,;:(){}[\]<>|&$]+|\\n/);
    return [
        ...new Set([
            ...values
                .filter(({ key, value }) => value.length >= 6 && !(secretKeys.test(key) ? isFile : isPublic)(value))
                .map(({ value }) => value),
            ...named.filter(value => !isFile(value)),
            ...words.filter(word => word.length >= 16 && /\d/.test(word) && /[a-z]/i.test(word) && !isPublic(word)),
        ]),
    ];
}
/** A value after a name that sounds secret, such as `X-Api-Key: \u2026` or `--token \u2026`; not a variable. */
const namedSecret = /(?:--[\w-]*(?:passw\w*|secret|token|key)[= ]|(?:passw\w*|secret\w*|token|key|authorization)["']?[ \t]*[=:])[ \t]*(?:Basic |Bearer |Token )?["']?([^\s"'`$=,;(){}[\]<>|&-][^\s"'`$,;(){}[\]<>|&]{5,})/gi;
/** The password that curl is told. */
const login = /\s(?:-u|--user)[ =]?["']?[^\s"'`:$-][^\s"'`:$]*:([^\s"'`$]{6,})/g;
/** Settings whose values are secret, whatever they look like: a key of AWS may begin with a slash, as a path does. */
const secretKeys = /secret|passw|token|key$/i;
/** A file that is where files with keys are. */
function isFile(value) {
    return /^\/(etc|home|opt|root|run|srv|usr|var)\/[\w./-]+$/.test(value);
}
/** Settings whose values are not secret, such as the name of a TSIG key. */
const publicKeys = /(name|algorithm|server|port|email|endpoint|region|zone|project)$/i;
/** Values that anybody may know, and that readers of a log would miss. */
function isPublic(value) {
    const host = value.replace(/\.$/, '');
    return ((0,external_node_net_.isIP)(value) !== 0 ||
        (host.includes('.') && isHostname(host) && /\.[a-z]{2,}$/i.test(host)) ||
        /^(hmac-\w+|[\w.+-]+@[\w.-]+|\d{1,6}|\/[\w./-]*|.*:\/\/[\w.:/-]*)$/i.test(value));
}

;// CONCATENATED MODULE: ./build/inputs/acme.js

const servers = {
    letsencrypt: 'https://acme-v02.api.letsencrypt.org/directory',
    'letsencrypt-staging': 'https://acme-staging-v02.api.letsencrypt.org/directory',
};
/** Reads what the certificate authority needs to know. */
function readAcme(reader, mode) {
    const given = reader.text('acme-server') || 'letsencrypt';
    const server = reader.checked('acme-server', servers[given] ?? given, value => /^https:\/\/[\w.:[\]-]+(\/[\w./~%?=&-]*)?$/.test(value), '`letsencrypt`, `letsencrypt-staging` or an https:// URL');
    const email = reader.checked('email', reader.text('email'), value => /^[\w.!#%&*+/=?^{|}~][\w.!#%&*+/=?^{|}~-]*@[A-Za-z0-9.-]+$/.test(value), 'an e-mail address');
    const ca = reader.text('ca').replaceAll('\r', '');
    if (ca !== '' && !/-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----/.test(ca)) {
        reader.mistake('ca')('holds no PEM certificate');
    }
    return {
        server,
        email: email || undefined,
        ca: ca === '' ? undefined : `${ca}\n`,
        eab: readEab(reader),
        dns: readDns(reader, mode),
    };
}
/** External account binding, RFC 8555, section 7.3.4: the key is in base64url. */
function readEab(reader) {
    const text = reader.text('acme-eab');
    if (text === '')
        return undefined;
    reader.secret(text);
    const [, kid = '', hmac = ''] = /^([^\s:]+):([\w-]+)=*$/.exec(text) ?? [];
    if (hmac === '') {
        reader.mistake('acme-eab')('is not kid:hmac, the two values that your certificate authority gave you');
        return undefined;
    }
    reader.secret(hmac);
    return { kid, hmac };
}

;// CONCATENATED MODULE: ./build/inputs/certificate.js

/** Reads `certificate` and `certificate-key`, and checks for whatever nginx or clients would reject. `now` is in milliseconds since 1970. */
function readCertificate(reader, domain, now) {
    const chain = pem(reader.raw('certificate'));
    const key = pem(reader.raw('certificate-key'));
    if (chain === '' && key === '')
        return undefined;
    for (const line of key.split('\n'))
        if (line !== '' && !line.startsWith('-----'))
            reader.secret(line);
    if (chain === '')
        reader.mistake('certificate')('is missing, but `certificate-key` is given');
    if (key === '')
        reader.mistake('certificate-key')('is missing, but `certificate` is given');
    if (chain === '' || key === '')
        return undefined;
    const certificates = readChain(chain, reader.mistake('certificate'));
    const privateKey = readKey(key, reader.mistake('certificate-key'));
    const [leaf] = certificates;
    if (leaf) {
        checkLeaf(leaf, domain, now, reader.mistake('certificate'));
        checkOrder(certificates, reader.mistake('certificate'));
        if (privateKey && !leaf.checkPrivateKey(privateKey)) {
            reader.mistake('certificate-key')('does not belong to `certificate`, whose first certificate has another key');
        }
    }
    return { chain, key };
}
/** The blocks, without what an editor for secrets or a terminal may have added. */
function pem(text) {
    const lines = text
        .replaceAll('\uFEFF', '')
        .replaceAll('\\n', '\n')
        .split(/\r\n?|\n/)
        .map(line => line.trim())
        .filter(line => line !== '');
    return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}
function readChain(text, mistake) {
    const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
    if (blocks.length === 0)
        mistake('holds no PEM certificate');
    if (text.includes('PRIVATE KEY-----'))
        mistake('holds a private key; that belongs in `certificate-key`');
    try {
        return blocks.map(block => new external_node_crypto_.X509Certificate(block));
    }
    catch {
        mistake('holds a certificate that is damaged; paste the whole file again');
        return [];
    }
}
function readKey(text, mistake) {
    if (text.includes('ENCRYPTED')) {
        mistake('is encrypted, so nginx could not start unattended; give it without a passphrase');
        return undefined;
    }
    try {
        const key = (0,external_node_crypto_.createPrivateKey)(text);
        const bits = key.asymmetricKeyDetails?.modulusLength;
        if (bits !== undefined && bits < 2048)
            mistake(`has only ${bits} bits; clients refuse RSA keys below 2048`);
        return key;
    }
    catch {
        mistake('is not a PEM private key, or is damaged; it must begin with a line like `-----BEGIN PRIVATE KEY-----`');
        return undefined;
    }
}
function checkLeaf(leaf, domain, now, mistake) {
    if (leaf.ca)
        mistake('begins with the certificate of an authority; the server\u2019s own must come first');
    else if (domain !== '' && !leaf.checkHost(domain)) {
        mistake(`does not cover ${domain}; it is for ${leaf.subjectAltName ?? 'no name at all'}`);
    }
    if (leaf.validFromDate.getTime() > now)
        mistake(`is not valid before ${leaf.validFromDate.toISOString()}`);
    if (leaf.validToDate.getTime() < now)
        mistake(`expired on ${leaf.validToDate.toISOString()}`);
}
/** Each certificate must be signed by the next one: clients don't sort, and most don't fetch what is missing. */
function checkOrder(certificates, mistake) {
    for (const [index, certificate] of certificates.entries()) {
        const issuer = certificates[index + 1];
        if (issuer && !(certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey))) {
            mistake(`is in the wrong order: number ${index + 2} of the chain did not sign number ${index + 1}; the server\u2019s own comes first, then each one\u2019s issuer`);
            return;
        }
    }
}

;// CONCATENATED MODULE: ./build/inputs/clean.js
/** Reads `keep`, `grace` and `undo`. */
async function readCleaning(reader, mode) {
    return { keep: await readKeep(reader), grace: readGrace(reader), undo: readUndo(reader, mode) };
}
async function readKeep(reader) {
    const text = reader.raw('keep');
    if (text.trim() === '')
        return undefined;
    const { parseKeep } = await Promise.all(/* import() | keep */[__nccwpck_require__.e("yaml"), __nccwpck_require__.e("keep")]).then(__nccwpck_require__.bind(__nccwpck_require__, 7871));
    return parseKeep(text, reader.mistake('keep'));
}
const secondsOf = { s: 1, m: 60, h: 3600, d: 86_400 };
function readGrace(reader) {
    const text = reader.text('grace') || '24h';
    const [, number = '0', unit = 's'] = /^(\d{1,5})([smhd])$/.exec(text) ?? [];
    reader.checked('grace', text, value => /^\d{1,5}[smhd]$/.test(value), 'a time such as `24h`, `90m` or `2d`');
    return Number(number) * (secondsOf[unit] ?? 1);
}
function readUndo(reader, mode) {
    const undo = reader.flag('undo');
    if (undo && mode !== 'clean')
        reader.mistake('undo')('is only for mode `clean`');
    return undo;
}

;// CONCATENATED MODULE: ./build/inputs/derived.js

/**
 * A key that only the holder of the SSH key can derive: 32 bytes, the same in every run with that key. The server knows
 * only the public half.
 */
function sealKey(privateKey) {
    return new Uint8Array((0,external_node_crypto_.hkdfSync)('sha256', privateKey, '', 'berth: seals of users', 32));
}
/** What signs uploads in progress on several servers. It is derived, so that all of them know the same one. */
function uploadSecret(privateKey, domain) {
    return Buffer.from((0,external_node_crypto_.hkdfSync)('sha256', privateKey, domain, 'berth: uploads in flight', 32)).toString('hex');
}
/** What several servers share, as the first one sees it: another one has other peers. `undefined` if there is only one server. */
function readShared(reader, targets, domain) {
    const [first, ...others] = targets;
    if (first === undefined || others.length === 0)
        return undefined;
    const secret = uploadSecret(first.key, domain);
    reader.secret(secret);
    return { peers: others.map(({ address }) => address), secret };
}

// EXTERNAL MODULE: ./build/registry/reference.js
var reference = __nccwpck_require__(6247);
;// CONCATENATED MODULE: ./build/inputs/event.js
/**
 * The tags of an image when none are given: the short SHA, and the branch, `pr-N` or the versions of a Git tag; on the default
 * branch also `latest`.
 */
function eventTags({ name, ref, sha, defaultBranch, pull }) {
    const tags = sha === '' ? [] : [sha.slice(0, 7)];
    const branch = /^refs\/heads\/(.+)$/.exec(ref)?.[1];
    const tag = /^refs\/tags\/(.+)$/.exec(ref)?.[1];
    // `pull_request_target` runs on the base branch, whose tags a pull request must not move.
    if (name.startsWith('pull_request') || ref.startsWith('refs/pull/')) {
        const number = pull ?? /^refs\/pull\/(\d+)\//.exec(ref)?.[1];
        return number === undefined ? tags : [...tags, `pr-${number}`];
    }
    if (branch !== undefined)
        tags.push(...valid(branch));
    if (branch !== undefined && branch === defaultBranch)
        tags.push('latest');
    if (tag !== undefined)
        tags.push(...versions(tag));
    return [...new Set(tags)];
}
// 1.2 and 1 must never point to a pre-release.
function versions(tag) {
    const semver = /^v?(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/.exec(tag);
    if (!semver)
        return valid(tag);
    const [, major, minor, patch, pre] = semver;
    if (pre !== undefined)
        return valid(`${major}.${minor}.${patch}${pre}`);
    return [`${major}.${minor}.${patch}`, `${major}.${minor}`, `${major}`];
}
// Nothing is left of a name without any character that a tag may have. Then there is no tag for it.
function valid(name) {
    const tag = name
        .replace(/[^A-Za-z0-9._-]+/g, '-')
        .replace(/^[.-]+/, '')
        .replace(/-+$/, '')
        .slice(0, 128);
    return tag === '' ? [] : [tag];
}

;// CONCATENATED MODULE: ./build/inputs/tags.js

/** Reads `tags`, separated by commas or line breaks: tags, or whole references, of which those to `domain` count. */
function parseTags(text, { domain, owner }, mistake) {
    const tags = { plain: [], references: [], elsewhere: [] };
    const words = text
        .split(/[\n,]/)
        .map(tag => tag.trim())
        .filter(tag => tag !== '');
    for (const word of new Set(words)) {
        if (!isReference(word))
            tags.plain.push(word);
        else if ((0,reference/* registryOf */.Fv)(word) === domain) {
            const { repository, tag = 'latest' } = (0,reference/* splitTag */.RK)((0,reference/* lowered */.DM)((0,reference/* withoutRegistry */.i_)(word), owner));
            const wrong = (0,reference/* repositoryMistake */.tP)(repository);
            if (wrong)
                mistake(wrong);
            else
                tags.references.push({ repository, tag });
        }
        else
            tags.elsewhere.push(word);
    }
    for (const each of [...tags.plain, ...tags.references.map(({ tag }) => tag)]) {
        const wrong = (0,reference/* tagMistake */.bL)(each);
        if (wrong)
            mistake(wrong);
    }
    if (tags.elsewhere.length > 0 && tags.plain.length + tags.references.length === 0)
        mistake(`names no tag on ${domain}, only ${tags.elsewhere.slice(0, 3).join(', ')}; write ${domain}/REPOSITORY:TAG, or the tag alone`);
    return tags;
}
/** Whether a word is a whole reference. A branch such as feature/x is none, and no tag either. */
function isReference(word) {
    return /^[\w.-]+[/:][\w.:@/+-]+$/.test(word) && ((0,reference/* registryOf */.Fv)(word) !== undefined || /[:@][^/]*$/.test(word));
}
/** The tags of an image that goes to a repository: those of its references there, and those that name no repository. */
function tagsFor(repository, { plain, references }) {
    const own = references.filter(each => each.repository === repository).map(({ tag }) => tag);
    return [...new Set([...own, ...plain])];
}

;// CONCATENATED MODULE: ./build/inputs/images.js



/** Reads `image` and `tags`. */
function readImages(reader, mode, domain, event) {
    const { owner } = event;
    const tags = parseTags(reader.raw('tags'), { domain, owner }, reader.mistake('tags'));
    for (const each of tags.elsewhere)
        reader.note('tags')(`${each} is on another registry, so it is left out`);
    const images = parseImages(reader.raw('image'), { domain, owner, tags, event: eventTags(event) }, reader.mistake('image'), reader.note('image'));
    if (!reader.failed('image'))
        for (const each of unused(tags, images))
            reader.mistake('tags')(`names ${domain}/${each.repository}:${each.tag}, and no image goes there; write source => ${each.repository} in \`image\`, or omit it`);
    if (mode === 'push' && reader.text('image') === '' && reader.text('login') !== 'true')
        reader.mistake('image', 'input')('is missing; name the image to push, or give `login: true` for later steps');
    if (images.some(image => image.tags.length === 0))
        reader.mistake('tags', 'input')('is empty, and the event gives no tags');
    return images;
}
/**
 * Reads `image`: `source`, or `source => repository[:tag]`, one a line. `tags` are for lines that name none.
 *
 * Repositories have no capital letters, but GitHub\u2019s owners may: a name with `owner` in it is put in lower case, in any other
 * name a capital letter is a mistake.
 */
function parseImages(text, names, mistake, note = () => { }) {
    const { owner, domain } = names;
    const images = [];
    const lineOf = new Map();
    const lines = text
        .split('\n')
        .flatMap((line, index) => splitList(line.trim(), owner).map(each => ({ line: each, number: index + 1 })));
    const path = (line) => ownPath(line, owner);
    // As docker/metadata-action writes one image for several registries, of which Docker Hub has no name.
    const twin = (line) => !line.includes('=>') &&
        (0,reference/* registryOf */.Fv)(line) !== domain &&
        ((0,reference/* registryOf */.Fv)(line) !== undefined || (0,reference/* ownTag */.Zc)(line) !== undefined) &&
        lines.some(({ line: each }) => (0,reference/* registryOf */.Fv)(each) === domain &&
            path(each) === path(line) &&
            ((0,reference/* registryOf */.Fv)(line) !== undefined || (0,reference/* ownTag */.Zc)(each) === (0,reference/* ownTag */.Zc)(line)));
    const wanted = lines.map(({ line }) => line).filter(line => line !== '' && !twin(line));
    const alone = (name) => wanted.filter(line => path(line) === path(name)).length === 1;
    for (const { line, number } of lines) {
        if (line === '')
            continue;
        if (twin(line)) {
            note((0,reference/* registryOf */.Fv)(line) === undefined
                ? `${line} is the name of the same image on Docker Hub, so it is left out; to push another one, write ${line} => ${line}`
                : `${line} is on another registry, so it is left out`);
            continue;
        }
        const fail = (message) => mistake(`line ${number}: ${message}`);
        const [left = '', target, ...rest] = line.split(/\s*=>\s*/);
        if (rest.length > 0 || left === '' || target === '') {
            fail('write source, or source => repository:tag');
            continue;
        }
        const source = parseSource(left, owner);
        if (typeof source === 'string') {
            fail(source);
            continue;
        }
        const places = target === undefined
            ? ownPlaces(source, names, { single: wanted.length === 1, alone: alone(line) })
            : given(target, names);
        if (typeof places === 'string') {
            fail(places);
            continue;
        }
        for (const { repository, tags } of places) {
            const earlier = tags
                .map(each => repository && lineOf.get(`${repository}:${each}`))
                .find(each => each !== undefined);
            if (earlier)
                fail(`goes to the same repository and tag as line ${earlier}`);
            else
                images.push({ source, repository, tags });
            for (const each of tags)
                lineOf.set(`${repository}:${each}`, number);
        }
    }
    return images;
}
/** References that are separated by commas, as docker/metadata-action can write them; any other line is left as it is. */
function splitList(line, owner) {
    const words = line.split(',').map(word => word.trim());
    const isImage = (word) => {
        const source = parseSource(word, owner);
        return typeof source !== 'string' && source.kind === 'docker' && isReference(word);
    };
    return words.length > 1 && words.every(isImage) ? words : [line];
}
/** The path that a reference names, without registry and tag. */
function ownPath(line, owner) {
    return (0,reference/* ownName */.qU)((0,reference/* lowered */.DM)(line, owner));
}
/** References in `tags` that no image goes to. Where an archive goes that says so itself is not known yet. */
function unused({ references }, images) {
    if (images.length === 0 || images.some(image => image.repository === undefined))
        return [];
    return references.filter(each => !images.some(image => image.repository === each.repository && image.tags.includes(each.tag)));
}
/** Where an image goes whose line says so (`=> target`), or what is wrong with that. */
function given(target, names) {
    const { domain, owner, tags } = names;
    const registry = (0,reference/* registryOf */.Fv)(target);
    if (registry !== undefined && registry !== domain)
        return `\u201c${target}\u201d is on another registry than ${domain}; omit its name, or push there in another step`;
    const { repository, tag } = (0,reference/* splitTag */.RK)((0,reference/* lowered */.DM)((0,reference/* withoutRegistry */.i_)(target), owner));
    const wrong = (0,reference/* repositoryMistake */.tP)(repository) ?? (tag === undefined ? undefined : (0,reference/* tagMistake */.bL)(tag));
    if (wrong)
        return wrong;
    if (tag !== undefined)
        return [{ repository, tags: [tag] }];
    const own = tagsFor(repository, tags);
    if (own.length === 0 && tags.references.length > 0)
        return `\`tags\` has references, and none to ${domain}/${repository}; add one, or write ${repository}:TAG`;
    return [{ repository, tags: own.length > 0 ? own : [...names.event] }];
}
/**
 * Where an image goes whose line does not say: to its own name, or to the references in `tags`. `single`: it is the only image;
 * `alone`: it is the only one of its name.
 */
function ownPlaces(source, names, { single, alone }) {
    const { domain, tags, event } = names;
    const name = source.kind === 'docker' ? source.name : undefined;
    const repository = name === undefined ? undefined : (0,reference/* ownName */.qU)(name);
    const wrong = repository === undefined ? undefined : (0,reference/* repositoryMistake */.tP)(repository);
    const { references, plain } = tags;
    const onHere = name !== undefined && (0,reference/* registryOf */.Fv)(name) === domain;
    const named = repository !== undefined && references.some(each => each.repository === repository);
    const tag = onHere && plain.length === 0 && !(named && alone) ? (0,reference/* ownTag */.Zc)(name) : undefined;
    if (references.length === 0 || tag !== undefined) {
        if (wrong)
            return wrong;
        return [{ repository, tags: tag !== undefined ? [tag] : [...(plain.length > 0 ? plain : event)] }];
    }
    if (named && !single)
        return [{ repository, tags: tagsFor(repository, tags) }];
    const repositories = [...new Set(references.map(each => each.repository))];
    if (!single)
        return `\`tags\` does not say where this one goes; write source => ${repositories[0]}`;
    return repositories.map(each => ({ repository: each, tags: tagsFor(each, tags) }));
}
function parseSource(text, owner) {
    const [, kind, place] = /^(oci|oci-archive|docker-archive):(.+)$/.exec(text) ?? [];
    if (kind === 'oci' || kind === 'oci-archive' || kind === 'docker-archive') {
        const [, path = '', reference] = /^([^:]*)(?::(.+))?$/.exec(place ?? '') ?? [];
        return path === '' ? `\u201c${text}\u201d names no file or folder` : { kind, path, reference };
    }
    if (/^(\/|\.\.?\/)/.test(text)) {
        return text.includes(':')
            ? `the path \u201c${text}\u201d has a colon; rename it`
            : { kind: 'path', path: text, reference: undefined };
    }
    const name = (0,reference/* lowered */.DM)(text, owner);
    if (/^sha256:[0-9a-f]{12,64}$/.test(name))
        return { kind: 'docker', name };
    if (!/^\w(?:[\w./:@-]*\w)?$/.test(name))
        return `\u201c${text}\u201d is not the name of an image`;
    return { kind: 'docker', name };
}

;// CONCATENATED MODULE: ./build/inputs/page.js

/** Reads `page`: whether there is a page to browse. */
function readPage(reader, registry) {
    const page = reader.flag('page');
    if (page && (0,build_desired/* ownAuth */.Lz)({ registry }))
        reader.mistake('page')('needs users that nginx checks, but `registry-config` has an `auth` of its own; omit one of them');
    if (page && registry.bucket?.redirect)
        reader.warning('page')('can\u2019t show platforms and labels together with `s3-redirect`: they are read from the bucket then, where the page may not look; omit `s3-redirect`, or accept \u201cnot readable here\u201d');
    return page;
}

;// CONCATENATED MODULE: ./build/inputs/reader.js

/** The topic of mistakes in an input, where it is not `input`. */
const topicOf = {
    'ssh-key': 'key',
    'ssh-key-passphrase': 'key',
    'ssh-known-hosts': 'hostKey',
    users: 'users',
    access: 'users',
    auth: 'users',
    'push-user': 'users',
    certificate: 'ownCertificate',
    'certificate-key': 'ownCertificate',
    keep: 'keep',
    grace: 'keep',
    undo: 'keep',
    'acme-dns': 'dnsRecord',
    'acme-dns-credentials': 'dnsRecord',
    's3-bucket': 'bucket',
    's3-region': 'bucket',
    's3-endpoint': 'bucket',
    's3-access-key': 'bucket',
    's3-secret-key': 'bucket',
    's3-redirect': 'bucket',
    image: 'imageName',
    tags: 'imageName',
};
/** Reads single inputs and collects every mistake, so that all are reported at once. */
class Reader {
    #get;
    /** Masks a text in the log from now on. */
    secret;
    /** Each begins with the input\u2019s name. */
    mistakes = [];
    /** What is allowed but perhaps not meant. */
    warnings = [];
    /** What is right and good to know. */
    notes = [];
    /** `get` gives an input as it was written, `''` if absent. */
    constructor(get, secret) {
        this.#get = get;
        this.secret = secret;
    }
    raw(name) {
        return this.#get(name);
    }
    text(name) {
        return this.#get(name).trim();
    }
    /** `topic` is given if it is not that of other mistakes in this input. */
    mistake(name, topic) {
        return sentence => this.mistakes.push(about(name, sentence, topic));
    }
    warning(name) {
        return sentence => this.warnings.push(about(name, sentence));
    }
    note(name) {
        return sentence => this.notes.push(`${name}: ${sentence}`);
    }
    failed(name) {
        return this.mistakes.some(({ message }) => message.startsWith(`${name}: `));
    }
    /** Checks the form of an input, unless it is empty. The message shows a wrong value, so never check a secret with it. */
    checked(name, value, good, form) {
        if (value !== '' && !good(value))
            this.mistake(name)(`${JSON.stringify(value)} is not ${form}`);
        return value;
    }
    choice(name, choices) {
        const isChoice = (value) => choices.some(choice => choice === value);
        const value = this.checked(name, this.text(name), isChoice, `one of ${choices.map(each => `\`${each}\``).join(', ')}`);
        return isChoice(value) ? value : choices[0];
    }
    flag(name) {
        return this.choice(name, ['false', 'true']) === 'true';
    }
    integer(name, min, max) {
        const good = (value) => /^\d{1,5}$/.test(value) && Number(value) >= min && Number(value) <= max;
        return Number(this.checked(name, this.text(name), good, `a whole number from ${min} to ${max}`));
    }
}
function about(name, sentence, topic = topicOf[name] ?? 'input') {
    return new failure/* Failure */.HR(topic, `${name}: ${sentence}`);
}

// EXTERNAL MODULE: ./build/json.js
var json = __nccwpck_require__(9368);
;// CONCATENATED MODULE: ./build/inputs/bucket.js



const inputs = ['s3-region', 's3-endpoint', 's3-access-key', 's3-secret-key'];
/** The keys of `registry-config` for which there is an input. */
const settings = {
    bucket: 's3-bucket',
    rootdirectory: 's3-bucket',
    region: 's3-region',
    regionendpoint: 's3-endpoint',
    accesskey: 's3-access-key',
    secretkey: 's3-secret-key',
};
/** Drivers that keep images somewhere else. */
const others = ['filesystem', 'inmemory', 'azure', 'gcs', 'swift', 'oss'];
/** Reads the `s3-*` inputs; `config` is `registry-config`. */
function readBucket(reader, config) {
    const [accessKey, secretKey] = [bucket_readKey(reader, 's3-access-key'), bucket_readKey(reader, 's3-secret-key')];
    const given = reader.text('s3-bucket');
    if (given === '') {
        const alone = inputs.filter(name => reader.text(name) !== '');
        for (const name of alone)
            reader.mistake(name)('is given without `s3-bucket`; name there the bucket that keeps the images');
        if (alone.length === 0 && reader.flag('s3-redirect'))
            reader.mistake('s3-redirect')('is given without `s3-bucket`; omit it');
        return undefined;
    }
    reader.checked('s3-bucket', given, value => /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[\w.-]+)*$/.test(value) && !/\/\.\.?(\/|$)|^.*\.\./.test(value), 'the name of a bucket, such as `my-images`, or a folder in one, such as `my-images/registry`');
    const endpoint = reader.text('s3-endpoint').replace(/\/$/, '');
    // The message must not show what may be a password.
    if (endpoint.includes('@'))
        reader.mistake('s3-endpoint')('has a user name or a password before an @; write the URL without it, and put the keys in `s3-access-key` and `s3-secret-key`');
    else
        reader.checked('s3-endpoint', endpoint, isEndpoint, 'a URL without a path, such as https://s3.example.com');
    if (endpoint.startsWith('http://'))
        reader.warning('s3-endpoint')('is not https: whoever is between the server and the storage can read and change images; use https unless that is your own network');
    const region = reader.checked('s3-region', reader.text('s3-region') || (endpoint === '' ? '' : 'us-east-1'), value => /^[\w-]+$/.test(value), 'a region, such as eu-central-1');
    if (region === '')
        reader.mistake('s3-region')('is missing; name the bucket\u2019s region, such as eu-central-1, or give `s3-endpoint` if it is not at AWS');
    for (const [name, value] of [
        ['s3-access-key', accessKey],
        ['s3-secret-key', secretKey],
    ])
        if (value === '')
            reader.mistake(name)('is missing; is the secret that it comes from set, and may this workflow read it?');
        // The message must not show the secret.
        else if (!/^[\x21-\x7e]+$/.test(value))
            reader.mistake(name)('contains a space or a line break, which no key has; copy it again');
    checkStorage(reader, config);
    const [name = '', ...folders] = given.split('/');
    return {
        name,
        folder: folders.length === 0 ? '' : `/${folders.join('/')}`,
        region,
        endpoint: endpoint || undefined,
        ...{ accessKey, secretKey },
        redirect: reader.flag('s3-redirect'),
    };
}
function bucket_readKey(reader, name) {
    const key = reader.text(name);
    for (const line of key.split('\n').filter(each => each.trim() !== ''))
        reader.secret(line.trim());
    return key;
}
function isEndpoint(value) {
    const [, host = '', port] = /^https?:\/\/(\[[0-9a-f:]+\]|[^:/@]+)(?::(\d{1,5}))?$/.exec(value) ?? [];
    const bare = host.replace(/^\[(.*)\]$/, '$1');
    return (isHostname(host) || (0,external_node_net_.isIP)(bare) !== 0) && Number(port ?? 1) > 0 && Number(port ?? 1) < 65_536;
}
/** `registry-config` must not say something else about where images are. */
function checkStorage(reader, { storage }) {
    if (!(0,json/* isObject */.Gv)(storage))
        return;
    const mistake = reader.mistake('registry-config');
    for (const driver of others.filter(each => (0,json/* isObject */.Gv)(storage[each])))
        mistake(`has \`storage.${driver}\`, but \`s3-bucket\` says that images are in a bucket; omit one of them`);
    const { s3 } = storage;
    if (!(0,json/* isObject */.Gv)(s3))
        return;
    for (const [key, input] of Object.entries(settings))
        if (s3[key] !== undefined)
            mistake(`has \`storage.s3.${key}\`, which is what \`${input}\` says; omit it`);
}

;// CONCATENATED MODULE: ./build/inputs/registry.js




/** Reads the `registry-*` inputs. */
async function readRegistry(reader) {
    const config = await readConfig(reader.raw('registry-config'), reader.mistake('registry-config'));
    return {
        image: reader.checked('registry-image', reader.text('registry-image') || build_desired/* defaultImage */.XS, value => /^[a-z0-9][\w./:-]*(@sha256:[0-9a-f]{64})?$/.test(value), 'the reference of an image'),
        config,
        bucket: readBucket(reader, config),
    };
}
async function readConfig(text, mistake) {
    if (text.trim() === '')
        return {};
    const { parseDocument, visit } = await __nccwpck_require__.e(/* import() | yaml */ "yaml").then(__nccwpck_require__.t.bind(__nccwpck_require__, 8815, 19));
    try {
        // Keys are text: `012` is not a number.
        const document = parseDocument(text, { stringKeys: true, logLevel: 'error' });
        const [error] = document.errors;
        if (error)
            throw error;
        visit(document, { Scalar: (_, scalar) => asWritten(scalar) });
        const config = document.toJS();
        if ((0,json/* isObject */.Gv)(config)) {
            checkHttp(config.http, mistake);
            checkEndpoint(config.storage, mistake);
            checkFolder(config.storage, mistake);
            return { ...config };
        }
        mistake('is not a YAML map');
    }
    catch (error) {
        mistake(`is not YAML: ${(0,failure/* asFailure */.h_)(error).message.split('\n')[0]}`);
    }
    return {};
}
/** Keeps the text of what would be another one as a number: a key such as `0123` or `1e10`, or one with twenty digits. */
function asWritten(scalar) {
    if (typeof scalar.value === 'number' &&
        scalar.source !== undefined &&
        String(scalar.value) !== scalar.source)
        scalar.value = scalar.source;
}
/** nginx speaks plain HTTP to the registry, through a socket that Berth chooses, and without a path before it. */
function checkHttp(http, mistake) {
    if (http === undefined)
        return;
    if (!(0,json/* isObject */.Gv)(http)) {
        mistake('has an `http` that is not a map; remove it, or write what is to be set below it');
        return;
    }
    // `null` removes a setting, which does no harm where Berth has none.
    const given = ['addr', 'net', 'tls', 'prefix'].filter(key => http[key] !== undefined && (http[key] !== null || ['addr', 'net'].includes(key)));
    for (const key of given) {
        mistake(`has \`http.${key}\`, which would keep nginx from reaching the registry; remove it${key === 'tls' ? ' (nginx does TLS)' : ''}`);
    }
}
/** The container can write nowhere else, and what it writes to its `/tmp` is gone after a restart. */
function checkFolder(storage, mistake) {
    const disk = (0,json/* isObject */.Gv)(storage) && (0,json/* isObject */.Gv)(storage.filesystem) ? storage.filesystem : {};
    const { rootdirectory } = disk;
    if (rootdirectory === undefined || rootdirectory === null)
        return;
    if (/^\/var\/lib\/registry(\/|$)/.test(String(rootdirectory)))
        return;
    mistake(`has \`storage.filesystem.rootdirectory: ${rootdirectory}\`, which is not on the server\u2019s disk but in the registry\u2019s container; omit it, and set \`directory\` to say where images are`);
}
/** The plan names the endpoint of a bucket, and must not show a password. */
function checkEndpoint(storage, mistake) {
    const s3 = (0,json/* isObject */.Gv)(storage) && (0,json/* isObject */.Gv)(storage.s3) ? storage.s3 : {};
    if (!String(s3.regionendpoint ?? '').includes('@'))
        return;
    mistake('has a user name or a password before the @ in `storage.s3.regionendpoint`; write the URL without it, and give the keys as `accesskey` and `secretkey`');
}

// EXTERNAL MODULE: ./build/server/hostkey.js
var hostkey = __nccwpck_require__(287);
;// CONCATENATED MODULE: ./build/inputs/key.js
/**
 * Repairs a private key, so that OpenSSH can read it: CRLF, a byte order mark, a missing final newline, a literal `\n`,
 * indentation, and line breaks that became spaces. OpenSSH reports them all as `error in libcrypto`.
 *
 * Throws an Error that says what the text is, if it isn't a private key.
 */
function repairKey(text) {
    const plain = text
        .replaceAll('\uFEFF', '')
        .replaceAll('\\r', '')
        .replaceAll('\\n', '\n')
        .replaceAll('\r', '\n')
        .trim();
    if (plain.startsWith('PuTTY-User-Key-File')) {
        throw new Error('is a PuTTY key; convert it with `puttygen key.ppk -O private-openssh -o key`');
    }
    if (/^(ssh-|ecdsa-|sk-)\S+ AAAA/.test(plain) ||
        plain.startsWith('-----BEGIN PUBLIC') ||
        plain.startsWith('---- BEGIN SSH2')) {
        throw new Error('is a public key; the private one is in the file of the same name without `.pub`');
    }
    const armour = /-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----([\s\S]*?)-----END \1-----/.exec(plain);
    if (!armour) {
        throw new Error(plain.includes('PRIVATE KEY-----')
            ? 'is truncated: it must go from its BEGIN line to its END line'
            : 'is not a private key: it must begin with a line like `-----BEGIN OPENSSH PRIVATE KEY-----`');
    }
    const [, kind, inside = ''] = armour;
    const lines = inside.split('\n').map(line => line.trim());
    const headers = lines.filter(line => line.includes(':'));
    const body = lines
        .filter(line => !line.includes(':'))
        .join('')
        .replace(/\s/g, '');
    if (kind === 'OPENSSH PRIVATE KEY' && !whole(Buffer.from(body, 'base64'))) {
        throw new Error('is damaged: its content ends too early or is not an OpenSSH key; paste the whole file again');
    }
    return [
        `-----BEGIN ${kind}-----`,
        ...(headers.length > 0 ? [...headers, ''] : []),
        ...(body.match(kind === 'OPENSSH PRIVATE KEY' ? /.{1,70}/g : /.{1,64}/g) ?? []),
        `-----END ${kind}-----`,
        '',
    ].join('\n');
}
/** Whether a repaired key can be read only with a passphrase. */
function isEncrypted(key) {
    if (/ENCRYPTED/.test(key))
        return true;
    if (!key.startsWith('-----BEGIN OPENSSH'))
        return false;
    return string(Buffer.from(key.replace(/-----.*-----/g, ''), 'base64'), magic.length).text !== 'none';
}
/** Whether a repaired key is in OpenSSH's own format, complete, and without a passphrase. */
function isPlain(key) {
    return key.startsWith('-----BEGIN OPENSSH') && !isEncrypted(key);
}
const magic = 'openssh-key-v1\0';
// cipher, kdf and its options, the number of keys, then the public and the private part: PROTOCOL.key of OpenSSH.
function whole(blob) {
    if (blob.subarray(0, magic.length).toString('latin1') !== magic)
        return false;
    try {
        let at = magic.length;
        for (let field = 0; field < 3; field++)
            at = string(blob, at).end;
        at += 4;
        for (let part = 0; part < 2; part++)
            at = string(blob, at).end;
        return true;
    }
    catch {
        return false;
    }
}
function string(blob, at) {
    const start = at + 4;
    const end = start + blob.readUInt32BE(at);
    if (end > blob.length)
        throw new RangeError('truncated');
    return { text: blob.toString('latin1', start, end), end };
}

;// CONCATENATED MODULE: ./build/inputs/target.js





/** Reads the `ssh-*` inputs and `sudo-password`: how to reach each server. */
function readTargets(reader, domain) {
    const port = reader.integer('ssh-port', 1, 65535);
    const user = reader.checked('ssh-user', reader.text('ssh-user') || 'root', isUserName, 'a user name');
    const hosts = readHosts(reader, domain).map(each => ({
        host: each.host,
        port: each.port ?? port,
        user: each.user ?? user,
        address: each.address,
    }));
    for (const what of ['host', 'address'])
        refuseTwins(reader, hosts, what);
    const jump = reader.checked('ssh-jump', reader.text('ssh-jump'), value => parseJump(value) !== undefined, 'user@host or user@host:port');
    const pinned = readKnownHosts(reader, hosts, jump !== '');
    const passphrase = reader.raw('ssh-key-passphrase') || undefined;
    const sudoPassword = reader.raw('sudo-password') || undefined;
    for (const each of [passphrase, sudoPassword])
        if (each !== undefined)
            reader.secret(each);
    const key = target_readKey(reader, passphrase);
    return hosts.map(each => ({
        ...each,
        ...{ key, passphrase, plainKey: isPlain(key) },
        ...pinned,
        ...{ jump: parseJump(jump), sudoPassword },
    }));
}
function readHosts(reader, domain) {
    const given = reader.text('ssh-host');
    // If the domain is wrong, its own message says so.
    if (given === '')
        return [{ host: domain, user: undefined, port: undefined, address: domain }];
    const lines = given
        .split('\n')
        .map(line => line.trim())
        .filter(line => line !== '');
    return lines.map(line => {
        const foreign = foreignLetters(line);
        if (foreign !== undefined)
            reader.mistake('ssh-host')(foreign);
        const read = parseHost(line);
        // With one server nobody needs its address. It may be left from when there were several.
        const host = read && lines.length === 1 && read.address !== read.host && (0,external_node_net_.isIP)(read.address) === 0 ? undefined : read;
        reader.checked('ssh-host', line, () => foreign !== undefined || host !== undefined, 'a host name or an IP address, as `host` or `user@host:port`');
        return host ?? { host: line, user: undefined, port: undefined, address: line };
    });
}
/** A server that is listed twice would wait for its own lock. */
function refuseTwins(reader, hosts, what) {
    const names = hosts.map(each => (what === 'host' ? (0,hostkey/* hostKeyName */.t)(each.host, each.port) : each.address));
    for (const name of new Set(names.filter((each, at) => names.indexOf(each) !== at)))
        if (what === 'host' || !reader.failed('ssh-host'))
            reader.mistake('ssh-host')(`has ${name} twice`);
}
/** Reads `ssh-known-hosts`, which must have a line for each server. */
function readKnownHosts(reader, hosts, jumps) {
    const mistake = reader.mistake('ssh-known-hosts');
    const { knownHosts, fingerprints } = parseKnownHosts(reader.raw('ssh-known-hosts'), mistake);
    const names = hosts.map(({ host, port }) => (0,hostkey/* hostKeyName */.t)(host, port));
    if (reader.text('ssh-known-hosts') === '') {
        mistake(`is missing, and an unknown host is never trusted; run \`${scan(hosts)}\` where you trust the network, compare with \`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\` on the server, and paste the lines`);
    }
    else if (hosts.length > 1 && !reader.failed('ssh-host')) {
        for (const [index, name] of names.entries()) {
            const there = knownHosts.some(each => isLineOf(each, name)) || fingerprints.some(({ host }) => host === name);
            if (!there)
                mistake(`has no line for ${name}, and an unknown host is never trusted; add what \`${scan(hosts.slice(index, index + 1))}\` says, where you trust the network`);
        }
    }
    const [first = ''] = names;
    for (const { host, number, fingerprint } of fingerprints) {
        if (host !== undefined || (!jumps && hosts.length === 1))
            continue;
        const others = hosts.length > 1 ? 'there are several' : 'with `ssh-jump` there are two';
        mistake(`line ${number} does not say which host has this key, and ${others}; write \`${first} ${fingerprint}\`, or a known_hosts line`);
    }
    return {
        knownHosts,
        // With one server and no jump host, a fingerprint without a host can only be the server\u2019s.
        fingerprints: fingerprints.map(({ host, fingerprint }) => `${host ?? first} ${fingerprint}`),
    };
}
/** The command that prints the host keys of servers. */
function scan(hosts) {
    const ports = [...new Set(hosts.map(({ port }) => port))];
    return ports
        .map(port => {
        const names = hosts.filter(each => each.port === port).map(({ host }) => host || 'HOST');
        return `ssh-keyscan ${port === 22 ? '' : `-p ${port} `}${names.join(' ')}`;
    })
        .join('; ');
}
function target_readKey(reader, passphrase) {
    const mistake = reader.mistake('ssh-key');
    if (reader.text('ssh-key') === '') {
        mistake('is missing; give a private key that may log in to the server. Is the secret that it comes from set, and may this workflow read it (a pull request from a fork or Dependabot may not)?');
        return '';
    }
    try {
        const key = repairKey(reader.raw('ssh-key'));
        for (const line of key.split('\n'))
            if (line !== '' && !line.startsWith('-----'))
                reader.secret(line);
        if (isEncrypted(key) && passphrase === undefined) {
            reader.mistake('ssh-key-passphrase')('is missing, but `ssh-key` is encrypted');
        }
        return key;
    }
    catch (error) {
        mistake((0,failure/* asFailure */.h_)(error).message);
        return '';
    }
}
function parseJump(text) {
    const match = /^([A-Za-z_][\w.-]*)@(?:\[([0-9a-fA-F:.]+)\]|([^:@[\]]+))(?::(\d{1,5}))?$/.exec(text);
    if (!match)
        return undefined;
    const [, user = '', ipv6, name, port] = match;
    const host = ipv6 ?? name ?? '';
    return isHostname(host) || (0,external_node_net_.isIP)(host) !== 0 ? { user, host, port: Number(port ?? 22) } : undefined;
}

;// CONCATENATED MODULE: ./build/inputs/password.js
/**
 * Whether a password was clearly made by a machine, with 128 random bits or more, as `openssl rand -base64 24` does. A machine\u2019s
 * password that is taken for a person\u2019s only makes logins slower. A person\u2019s password that is taken for a machine\u2019s could be
 * guessed from a stolen file. So all of these must hold:
 *
 * - it has at least three kinds of characters, or is hexadecimal or base32 throughout, and is long enough for 128 bits;
 * - no four characters appear twice in the same order, and there are as many different characters as chance would give;
 * - it contains neither words nor dates nor runs of neighbouring keys, and is not a text in base64 or hexadecimal;
 * - it contains no UUID, of whose digits at most 122 bits are random, and often far fewer.
 */
function isMachineMade(password) {
    return bits(password) >= 128 && isVaried(password) && !isReadable(password) && !isCoded(password);
}
/**
 * The number of random bits, if each character was chosen at random from all characters of its kinds. Words count for nothing, nor
 * do numbers between punctuation.
 */
function bits(password) {
    if (/^([0-9a-f]+|[0-9A-F]+)$/.test(password))
        return password.length * 4;
    const text = password.replace(/=+$/, '');
    const parts = text.split(/[-_. ,:;@]+/);
    const random = parts.length === 1 ? text : parts.filter(part => !isPlainPart(part)).join('');
    const { length } = random.replace(/[A-Z]?[a-z]+/g, run => (isWord(run) ? '' : run));
    if (/^[A-Z2-7]+=*$/.test(password) && /[2-7]/.test(password))
        return length * 5;
    const kinds = [/[a-z]/, /[A-Z]/, /[0-9]/, /[^a-zA-Z0-9]/];
    const sizes = [26, 26, 10, 2];
    const found = kinds.map(kind => kind.test(password));
    const alphabet = sizes.reduce((sum, size, index) => sum + (found[index] ? size : 0), 0);
    return found.filter(Boolean).length < 3 ? 0 : length * Math.log2(alphabet);
}
/** By chance, the same four characters appear twice in only one of thousands of passwords. */
function isVaried(password) {
    const lower = password.toLowerCase();
    const pieces = Array.from(lower.slice(3), (_, index) => lower.slice(index, index + 4));
    const hexadecimal = /^[0-9a-f]+$/.test(lower);
    return ((hexadecimal || new Set(pieces).size === pieces.length) &&
        !/(.{5,}).*\1/.test(lower) &&
        new Set(password).size >= (hexadecimal ? 10 : Math.min(15, password.length * 0.5)));
}
/** The most frequent pairs of letters in European languages: two thirds of all pairs in a text. */
const frequent = new Set(('th he in er an re nd at on nt ha es st en ed to it ou ea hi is or ti as te et ng of al de se le sa si ar ve ra ld ur ' +
    'io ne me ch ei ie ge un be ll ss oo ee ro ri co ma el la lo li no ta so mo do pa po wo rd us ow sh ck ic il us om di ' +
    'ca em mi na ni ol os qu am ad bi gh ho ir ke ly ns nc oc pe pl pr rs rt sc sp su tr ut wa we wh wi yo ')
    .trim()
    .split(/\s+/));
/** Neighbours on a keyboard, in the alphabet, or in counting, in either direction. */
const rows = ('qwertyuiop asdfghjkl zxcvbnm qwertzuiop yxcvbnm abcdefghijklmnopqrstuvwxyz 01234567890 ' +
    '1qaz 2wsx 3edc 4rfv 5tgb 6yhn 7ujm').split(' ');
function isReadable(password) {
    const hexadecimal = /^[0-9a-f]+$/i.test(password);
    const pairs = pairsOf(password.toLowerCase());
    // Among sixteen digits neighbours are frequent.
    if (pairs.filter(isNeighbours).length > pairs.length * (hexadecimal ? 0.45 : 0.38))
        return true;
    if (hexadecimal)
        return false;
    if (date.test(password))
        return true;
    const letters = pairsOf(spelled(password)).filter(pair => /^[a-z]{2}$/.test(pair));
    const words = letters.filter(pair => frequent.has(pair)).length;
    // If there are few pairs, many may be frequent by chance.
    return words > letters.length * 0.42 + 1.5 || isList(password);
}
/** A year, as by chance in one of thousands of passwords, or day and month. */
const date = /(?<!\d)(?:(?:19|20)\d\d|\d{1,2}[-./]\d{1,2}[-./]\d{2})(?!\d)/;
/** Whether letters may be a word. Of six by chance, every twentieth are. */
function isWord(letters) {
    const pairs = pairsOf(letters.toLowerCase());
    return letters.length >= 6 && pairs.filter(pair => frequent.has(pair)).length >= pairs.length / 2;
}
const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/i;
/** Whether it has a UUID in it, or is something readable in base64 or hexadecimal. */
function isCoded(password) {
    if (uuid.test(password))
        return true;
    const texts = [
        ...(/^[\w+/-]+=*$/.test(password) ? [Buffer.from(password, 'base64')] : []),
        ...(/^[0-9a-f]+$/i.test(password) ? [Buffer.from(password, 'hex')] : []),
    ];
    return texts.some(text => /^[\x20-\x7e\s]*$/.test(text.toString('latin1')));
}
function pairsOf(text) {
    return Array.from(text.slice(1), (_, index) => text.slice(index, index + 2));
}
/** In lower case, with letters in place of the digits and signs that people write for them. */
function spelled(password) {
    const letters = { 0: 'o', 1: 'i', 3: 'e', 4: 'a', 5: 's', 7: 't', '@': 'a', $: 's' };
    return password.toLowerCase().replace(/[013457@$]/g, sign => letters[sign] ?? sign);
}
/** Whether it is words and numbers with punctuation in between. */
function isList(password) {
    const parts = password.split(/[^a-zA-Z0-9]+/).filter(part => part !== '');
    const plain = parts.filter(part => part.length > 1 && isPlainPart(part));
    return plain.length >= 3 && plain.length > parts.length / 2;
}
function isNeighbours(pair) {
    const [first, second] = pair;
    if (first === second)
        return true;
    return rows.some(row => row.includes(pair) || row.includes(`${second}${first}`));
}
function isPlainPart(part) {
    return /^(?:[a-z]*|[A-Z]*|[A-Z][a-z]*|\d*)$/.test(part);
}

;// CONCATENATED MODULE: ./build/inputs/users.js

/** bcrypt reads no further: two passwords that differ only beyond it would be the same. */
const maxBytes = 72;
/** Reads `auth` and `users`; `null` for an open registry. `needed` says whether the mode needs users. */
function readUsers(reader, needed, domain) {
    if (reader.choice('auth', ['htpasswd', 'none']) === 'none') {
        reader.warning('auth')(`\`none\` makes an open registry: whoever reaches ${domain} may pull, push and delete images, and \`users\` counts for nothing`);
        return null;
    }
    const users = parseUsers(reader.raw('users'), reader.mistake('users'), reader.secret, reader.warning('users'));
    if (users.length === 0 && needed && !reader.failed('users')) {
        reader.mistake('users')('is empty, so nobody could log in; is the secret that it comes from set, and may this workflow read it (a pull request from a fork or Dependabot may not)? Give one name:password a line, or `auth: none` for an open registry');
    }
    return users;
}
/** Reads `push-user`: who logs in to push; by default the first of `users`. */
function readPushUser(reader, users) {
    const name = reader.text('push-user');
    if (name === '')
        return users?.[0];
    const user = users?.find(each => each.name === name);
    if (users && !user)
        reader.mistake('push-user')(`${JSON.stringify(name)} is not one of \`users\``);
    return user;
}
/** Reads `login`: whether this job\u2019s Docker stays logged in. */
function readLogin(reader, mode, users) {
    const login = reader.flag('login');
    if (login && users === null && mode !== 'down')
        reader.mistake('login')('needs one of `users`, but `auth: none` has none; omit one of them');
    return login;
}
/**
 * Reads `users`: one `name:password` a line. Calls `mistake` for every wrong line, and names it only by its number, because
 * the line may be nothing but a password. Calls `secret` with each password before anything else, and `warning` for
 * passwords that a person may have made up.
 */
function parseUsers(text, mistake, secret, warning) {
    const users = [];
    const lineOf = new Map();
    for (const [index, raw] of text.split('\n').entries()) {
        const number = index + 1;
        const line = raw.replace(/\r$/, '');
        if (line.trim() === '')
            continue;
        secret(line);
        const colon = line.indexOf(':');
        if (colon < 0) {
            mistake(`line ${number} has no colon; write name:password`);
            continue;
        }
        const name = line.slice(0, colon).trimStart();
        const password = line.slice(colon + 1);
        // A single character is refused below. Masking it would blank it wherever it appears in the log.
        if ([...password].length > 1)
            secret(password);
        secret(Buffer.from(`${name}:${password}`).toString('base64'));
        const wrong = nameMistake(name) ?? passwordMistake(password);
        const earlier = lineOf.get(name);
        if (wrong)
            mistake(`line ${number}: ${wrong}`);
        else if (earlier)
            mistake(`line ${number} has the same name as line ${earlier}`);
        else {
            lineOf.set(name, number);
            users.push({ name, password, strong: isMachineMade(password) });
        }
    }
    const weak = users.filter(({ strong }) => !strong).map(({ name }) => lineOf.get(name));
    if (weak.length > 0) {
        const what = weak.length > 1 ? 'passwords' : 'password';
        const they = weak.length > 1 ? 'do not look machine-made, so they get' : 'does not look machine-made, so it gets';
        warning(`the ${what} in line ${weak.join(', ')} ${they} a slower hash, and each request of that user takes longer; make one with \`openssl rand -base64 24\``);
    }
    return users;
}
function nameMistake(name) {
    if (name === '')
        return 'the name is empty';
    if (name.startsWith('#'))
        return 'a name can\u2019t begin with #, which starts a comment in htpasswd';
    if (!/^[A-Za-z0-9_][A-Za-z0-9._@+-]{0,127}$/.test(name)) {
        return 'a name is made of letters, digits and . _ @ + - and begins with a letter, a digit or _';
    }
    return undefined;
}
function passwordMistake(password) {
    if (password === '')
        return 'the password is empty';
    if (password.includes('\0'))
        return 'the password has a NUL byte';
    if ([...password].length === 1)
        return 'the password is a single character';
    if (Buffer.byteLength(password) > maxBytes) {
        return `the password is longer than ${maxBytes} bytes, and bcrypt would ignore the rest`;
    }
    return undefined;
}

;// CONCATENATED MODULE: ./build/inputs/inputs.js















const modes = ['up', 'plan', 'push', 'renew', 'clean', 'down'];
/**
 * Reads, checks and masks all inputs.
 *
 * `get` gives an input as it was written, `''` if absent; `secret` masks a text in the log from then on. Throws an
 * InputError that names every mistake.
 *
 * What only some inputs need, above all YAML, is loaded only for them: loading it takes a third as long as starting Node, and ssh
 * would have to wait.
 */
async function readInputs(get, secret, event) {
    const reader = new Reader(get, secret);
    const mode = reader.choice('mode', modes);
    const domain = readDomain(reader, mode);
    const throughSsh = reader.choice('push-through', ['https', 'ssh']) === 'ssh';
    const targets = mode === 'push' && !throughSsh ? [] : readTargets(reader, domain);
    const [target] = targets;
    const needsUsers = mode !== 'renew' &&
        mode !== 'clean' &&
        !(mode === 'push' && throughSsh && reader.text('login') !== 'true');
    const users = mode === 'down' ? null : readUsers(reader, needsUsers, domain);
    const registry = await readRegistry(reader);
    const desired = {
        domain,
        directory: readDirectory(reader),
        install: reader.flag('install'),
        registry,
        users,
        access: mode === 'down' ? undefined : await readAccess(reader, users, registry),
        page: readPage(reader, registry),
        sealKey: target && sealKey(target.key),
        shared: readShared(reader, targets, domain),
        acme: readAcme(reader, mode),
        certificate: readCertificate(reader, domain, Date.now()),
        adopt: reader.flag('adopt'),
        sshPort: target?.port,
        purge: readPurge(reader, mode, domain),
        renewBefore: reader.integer('renew-before', 1, 365),
    };
    if (targets.length > 1 &&
        ['up', 'plan'].includes(mode) &&
        (0,build_desired/* onDisk */.FC)({ registry }) &&
        !reader.failed('registry-config') &&
        !reader.failed('s3-bucket'))
        reader.mistake('ssh-host')(`has ${targets.length} servers, and each would have images of its own on its disk; keep them in object storage (\`s3-bucket\`), or give one server`);
    if (throughSsh && (0,build_desired/* ownAuth */.Lz)({ registry }))
        reader.mistake('push-through')('`ssh` goes straight to the registry, but `registry-config` makes the registry ask for logins itself; omit one of them');
    const inputs = {
        mode,
        desired,
        targets,
        images: readImages(reader, mode, domain, event),
        immutable: reader.flag('immutable'),
        pushUser: readPushUser(reader, users),
        throughSsh,
        login: readLogin(reader, mode, users),
        githubToken: readToken(reader),
        ...(await readCleaning(reader, mode)),
        warnings: reader.warnings,
        notes: reader.notes,
    };
    if (reader.mistakes.length > 0)
        throw new failure/* InputError */.dz(reader.mistakes);
    return inputs;
}
/** A Unix socket\u2019s path has at most 107 bytes, and one on the server has the domain in it: /run/berth-brake-DOMAIN/log.sock. */
const maxDomain = 81;
function readDomain(reader, mode) {
    const domain = reader.text('domain').toLowerCase();
    if (domain === '')
        reader.mistake('domain')('is missing; give the name of the registry, such as registry.example.com');
    const foreign = foreignLetters(domain);
    if (foreign !== undefined) {
        reader.mistake('domain')(foreign);
        return domain;
    }
    // As it is copied from a browser or from a zone file.
    const name = domain.replace(/^https?:\/\//, '').replace(/[./]$/, '');
    if (name !== domain && isDomain(name)) {
        reader.mistake('domain')(`is ${JSON.stringify(domain)}; write the name alone, ${name}`);
        return name;
    }
    // What an earlier run has left under such a name can be taken away.
    const unfit = isDomain(domain) && mode !== 'down' ? unfitName(domain) : undefined;
    if (unfit !== undefined)
        reader.mistake('domain')(unfit);
    return reader.checked('domain', domain, isDomain, 'a domain name such as registry.example.com');
}
/** Why no registry can have a name that DNS may have; `undefined` if one can. */
function unfitName(domain) {
    if (domain.includes('_'))
        return `${domain} has an underscore, which Docker does not allow in a registry\u2019s name, and for which no public authority issues a certificate; choose a name without one`;
    if (domain.length > maxDomain)
        return `has ${domain.length} characters, and a registry\u2019s name can have at most ${maxDomain}, because paths on the server contain it; choose a shorter one`;
    return undefined;
}
/** An IPv6 address is no hostname anyway. */
function isDomain(value) {
    return isHostname(value) && value.includes('.') && !(0,external_node_net_.isIPv4)(value);
}
function readPurge(reader, mode, domain) {
    const purge = reader.text('purge');
    if (purge === '')
        return false;
    if (mode !== 'down')
        reader.mistake('purge')('is only for mode `down`');
    if (purge !== domain)
        reader.mistake('purge')(`must be the domain, ${domain}, for every image to be deleted`);
    return true;
}
/** Folders that belong to the system: Berth wants one of its own. */
const systemFolder = /^\/(|home|media|mnt|opt|root|srv|tmp|var|var\/(lib|log|run|cache|www))$|^\/(bin|boot|dev|etc|lib\w*|proc|run|sbin|sys|usr)(\/|$)/;
/** A Unix socket\u2019s path has at most 107 bytes, and some 25 are needed below the folder. */
const maxDirectory = 80;
function readDirectory(reader) {
    return reader.checked('directory', reader.text('directory') || '/opt/berth', value => /^(\/[\w.@-]+)+$/.test(value) &&
        !/\/\.\.?(\/|$)/.test(value) &&
        !systemFolder.test(value) &&
        value.length <= maxDirectory, `an absolute path to a folder of Berth\u2019s own, such as /opt/berth, of at most ${maxDirectory} characters`);
}
function readToken(reader) {
    const token = reader.text('github-token');
    if (token !== '')
        reader.secret(token);
    return token || undefined;
}


/***/ }),

/***/ 9368:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __nccwpck_require__) => {

/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   Gv: () => (/* binding */ isObject),
/* harmony export */   Ik: () => (/* binding */ object),
/* harmony export */   P$: () => (/* binding */ strings),
/* harmony export */   Yj: () => (/* binding */ string),
/* harmony export */   ai: () => (/* binding */ number),
/* harmony export */   p_: () => (/* binding */ list),
/* harmony export */   qF: () => (/* binding */ parseJson)
/* harmony export */ });
/** Checks of data from outside. What is missing or of the wrong type becomes empty or `undefined`, and never throws a TypeError. */
/** `undefined` if it is not JSON. */
function parseJson(text) {
    try {
        return JSON.parse(text);
    }
    catch {
        return undefined;
    }
}
function isObject(value) {
    return typeof value === 'object' && value !== null && !Array.isArray(value);
}
function object(value) {
    return isObject(value) ? value : {};
}
function list(value) {
    return Array.isArray(value) ? value : [];
}
/** The strings of a list. */
function strings(value) {
    return list(value).filter(each => typeof each === 'string');
}
function string(value) {
    return typeof value === 'string' ? value : undefined;
}
function number(value) {
    return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}


/***/ }),

/***/ 9479:
/***/ ((__webpack_module__, __unused_webpack___webpack_exports__, __nccwpck_require__) => {

__nccwpck_require__.a(__webpack_module__, async (__webpack_handle_async_dependencies__, __webpack_async_result__) => { try {
/* harmony import */ var node_crypto__WEBPACK_IMPORTED_MODULE_0__ = __nccwpck_require__(7598);
/* harmony import */ var node_fs__WEBPACK_IMPORTED_MODULE_1__ = __nccwpck_require__(3024);
/* harmony import */ var node_os__WEBPACK_IMPORTED_MODULE_2__ = __nccwpck_require__(8161);
/* harmony import */ var node_path__WEBPACK_IMPORTED_MODULE_3__ = __nccwpck_require__(6760);
/* harmony import */ var _inputs_inputs_js__WEBPACK_IMPORTED_MODULE_4__ = __nccwpck_require__(6898);
/* harmony import */ var _json_js__WEBPACK_IMPORTED_MODULE_6__ = __nccwpck_require__(9368);
/* harmony import */ var _server_server_js__WEBPACK_IMPORTED_MODULE_5__ = __nccwpck_require__(9819);







/** Everything that Berth writes on the runner is below this folder; what is left of it goes in the post step. */
const folder = (0,node_path__WEBPACK_IMPORTED_MODULE_3__.join)(process.env.RUNNER_TEMP ?? (0,node_os__WEBPACK_IMPORTED_MODULE_2__.tmpdir)(), `berth-${(0,node_crypto__WEBPACK_IMPORTED_MODULE_0__.randomUUID)().slice(0, 8)}`);
const cancelled = new AbortController();
/** Milliseconds allowed for closing the connection; GitHub sends SIGTERM 7500 after SIGINT. */
const grace = 3000;
// GitHub cancels a job by sending SIGINT to this process alone, so it has to end what it started.
for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => {
        cancelled.abort();
        setTimeout(end, grace);
    });
}
// An unexpected error must not leave the key behind either.
for (const event of ['uncaughtException', 'unhandledRejection']) {
    process.once(event, error => {
        process.exitCode = 1;
        end();
        console.error(error instanceof Error ? error.name : 'an unknown error');
        process.exit();
    });
}
/** Leaves nothing secret behind; the post step does the rest. */
function end() {
    for (const each of ['ssh', 'skopeo'])
        (0,node_fs__WEBPACK_IMPORTED_MODULE_1__.rmSync)((0,node_path__WEBPACK_IMPORTED_MODULE_3__.join)(folder, each), { recursive: true, force: true });
    if (cancelled.signal.aborted)
        process.exit(130);
}
/** What the log has to mask. Nothing is printed before it does. */
const secrets = [];
/**
 * Reads the inputs and starts ssh. Only what that needs is loaded by now. GitHub's toolkit, whose HTTP client takes twice as
 * long to load as Node itself, is loaded while ssh connects.
 */
async function begin() {
    const event = githubEvent();
    const inputs = await (0,_inputs_inputs_js__WEBPACK_IMPORTED_MODULE_4__/* .readInputs */ .K)(name => process.env[`INPUT_${name.toUpperCase()}`] ?? '', text => secrets.push(text), event);
    saveFolder();
    const { pull } = event;
    const debug = (text) => void loaded.then(action => action.debug(text));
    const servers = inputs.targets.map((target, index) => new _server_server_js__WEBPACK_IMPORTED_MODULE_5__/* .Server */ .g(target, (0,node_path__WEBPACK_IMPORTED_MODULE_3__.join)(folder, 'ssh', `${index}`), debug, cancelled.signal));
    for (const server of servers)
        server.connect();
    return { inputs, pull, servers };
}
/** Tells the post step of the folder before anything is written there, as the toolkit's saveState would. */
function saveFolder() {
    if (process.env.GITHUB_STATE)
        (0,node_fs__WEBPACK_IMPORTED_MODULE_1__.appendFileSync)(process.env.GITHUB_STATE, `folder=${folder}\n`);
}
function githubEvent() {
    const env = process.env;
    const payload = (0,_json_js__WEBPACK_IMPORTED_MODULE_6__/* .object */ .Ik)(eventPayload(env.GITHUB_EVENT_PATH));
    return {
        name: env.GITHUB_EVENT_NAME ?? '',
        ref: env.GITHUB_REF ?? '',
        sha: env.GITHUB_SHA ?? '',
        defaultBranch: (0,_json_js__WEBPACK_IMPORTED_MODULE_6__/* .string */ .Yj)((0,_json_js__WEBPACK_IMPORTED_MODULE_6__/* .object */ .Ik)(payload.repository).default_branch),
        pull: (0,_json_js__WEBPACK_IMPORTED_MODULE_6__/* .number */ .ai)((0,_json_js__WEBPACK_IMPORTED_MODULE_6__/* .object */ .Ik)(payload.pull_request).number) ?? (0,_json_js__WEBPACK_IMPORTED_MODULE_6__/* .number */ .ai)(payload.number),
        owner: env.GITHUB_REPOSITORY_OWNER ?? '',
    };
}
function eventPayload(path) {
    try {
        return (0,_json_js__WEBPACK_IMPORTED_MODULE_6__/* .parseJson */ .qF)((0,node_fs__WEBPACK_IMPORTED_MODULE_1__.readFileSync)(path ?? '', 'utf8'));
    }
    catch {
        return undefined; // a local run
    }
}
const begun = begin();
const loaded = begun
    .catch(() => { }) // The action reports it.
    .then(async () => {
    const action = await Promise.all(/* import() | action */[__nccwpck_require__.e("yaml"), __nccwpck_require__.e("action-packages"), __nccwpck_require__.e("action")]).then(__nccwpck_require__.bind(__nccwpck_require__, 2957));
    action.mask(secrets);
    return action;
});
try {
    await (await loaded).run(begun, folder, cancelled.signal);
}
finally {
    end();
}

__webpack_async_result__();
} catch(e) { __webpack_async_result__(e); } }, 1);

/***/ }),

/***/ 6247:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __nccwpck_require__) => {

/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   DM: () => (/* binding */ lowered),
/* harmony export */   Fv: () => (/* binding */ registryOf),
/* harmony export */   RK: () => (/* binding */ splitTag),
/* harmony export */   Zc: () => (/* binding */ ownTag),
/* harmony export */   bL: () => (/* binding */ tagMistake),
/* harmony export */   i_: () => (/* binding */ withoutRegistry),
/* harmony export */   qU: () => (/* binding */ ownName),
/* harmony export */   tP: () => (/* binding */ repositoryMistake)
/* harmony export */ });
const component = '[a-z0-9]+(?:(?:\\.|_{1,2}|-+)[a-z0-9]+)*';
const repositoryPattern = new RegExp(`^${component}(?:/${component})*$`);
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
/** What is wrong with the name of a repository. */
function repositoryMistake(repository) {
    if (repositoryPattern.test(repository) && repository.length <= 255)
        return undefined;
    const lower = repository.toLowerCase();
    const rule = 'it is made of lower-case letters, digits and . _ - between slashes';
    return `\u201c${repository}\u201d is not a repository; ${lower !== repository && repositoryPattern.test(lower) ? `write \u201c${lower}\u201d` : rule}`;
}
/** What is wrong with a tag. */
function tagMistake(tag) {
    return tagPattern.test(tag)
        ? undefined
        : `\u201c${tag}\u201d is not a tag; it is made of letters, digits and . _ - and has at most 128 of them`;
}
/** Takes `repository:tag` apart. */
function splitTag(target) {
    const at = target.indexOf(':');
    return at < 0
        ? { repository: target, tag: undefined }
        : { repository: target.slice(0, at), tag: target.slice(at + 1) };
}
/** `ghcr.io/acme/app:1@sha256:\u2026` is `acme/app`: without its registry, tag and digest. */
function ownName(source) {
    if (source.startsWith('sha256:'))
        return undefined;
    const [name = ''] = source.split('@');
    return withoutRegistry(name.replace(/:[^/]*$/, ''));
}
/** The tag that a reference names. */
function ownTag(source) {
    return /:([^/:]+)$/.exec(source.split('@')[0] ?? '')?.[1];
}
/** The registry that a reference names, which is told from the first part of a path by Docker\u2019s rule. */
function registryOf(name) {
    const [first = '', ...rest] = name.split('/');
    return rest.length > 0 && /[.:]|^localhost$/.test(first) ? first.toLowerCase() : undefined;
}
/** A reference without the registry that it names. */
function withoutRegistry(name) {
    return registryOf(name) === undefined ? name : name.slice(name.indexOf('/') + 1);
}
/** Puts a name with `owner` in it in lower case, except for its tag: repositories have no capital letters, but GitHub\u2019s owners may. */
function lowered(name, owner) {
    const end = name.lastIndexOf(':') > name.lastIndexOf('/') ? name.lastIndexOf(':') : name.length;
    const isOwn = (part) => owner !== '' && part.toLowerCase() === owner.toLowerCase();
    return name.slice(0, end).split('/').some(isOwn) ? name.slice(0, end).toLowerCase() + name.slice(end) : name;
}


/***/ }),

/***/ 1794:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __nccwpck_require__) => {

/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   c: () => (/* binding */ environment),
/* harmony export */   n: () => (/* binding */ start)
/* harmony export */ });
/* harmony import */ var node_child_process__WEBPACK_IMPORTED_MODULE_0__ = __nccwpck_require__(1421);
/* harmony import */ var _failure_js__WEBPACK_IMPORTED_MODULE_1__ = __nccwpck_require__(9874);


/** Characters of output that one stream may have. The files of a server with a thousand users have less than a million. */
const maxOutput = 64e6;
function start(program, args, { cwd, env, cancelled, onLine = () => { } }) {
    const child = (0,node_child_process__WEBPACK_IMPORTED_MODULE_0__.spawn)(program, args, { cwd, env, detached: true });
    const said = { code: 255, stdout: '', stderr: '' };
    let failure;
    for (const stream of ['stdout', 'stderr']) {
        let rest = '';
        child[stream].setEncoding('utf8').on('data', (chunk) => {
            if (failure)
                return;
            said[stream] += chunk;
            if (said[stream].length > maxOutput) {
                failure = new _failure_js__WEBPACK_IMPORTED_MODULE_1__/* .Failure */ .HR('connection', `${program} printed more than ${maxOutput / 1e6} million characters, which nothing of Berth\u2019s does; check what answers there`);
                kill();
                return;
            }
            const lines = (rest + chunk).split('\n');
            rest = lines.pop() ?? '';
            for (const line of lines)
                onLine(line.replace(/\r$/, ''), stream);
        });
        child[stream].on('end', () => {
            if (rest !== '' && !failure)
                onLine(rest, stream);
        });
    }
    // A program that ends early does not read everything. Its exit code says enough.
    child.stdin.on('error', () => { });
    const kill = () => killGroup(child);
    cancelled.addEventListener('abort', kill);
    if (cancelled.aborted)
        kill();
    const ended = new Promise((resolve, reject) => {
        child.on('error', reject);
        child.on('close', code => (failure ? reject(failure) : resolve({ ...said, code: code ?? 255 })));
    }).finally(() => cancelled.removeEventListener('abort', kill));
    return {
        ended,
        said,
        kill,
        write: input => child.stdin.write(input),
        end(input = '') {
            child.stdin.end(input);
            return ended;
        },
    };
}
// On SIGTERM, ssh takes twenty times as long to end, and it has nothing left to do.
function killGroup({ pid }) {
    try {
        if (pid !== undefined)
            process.kill(-pid, 'SIGKILL');
    }
    catch {
        // It has ended already.
    }
}
/**
 * The user\u2019s environment without our inputs, which may be secret. It decides which engine Docker talks to, and where a credential helper
 * stores passwords. By the tracking id the runner finds what a killed step leaves behind.
 */
function environment() {
    const kept = /^(PATH|HOME|TMPDIR|XDG_(RUNTIME_DIR|CONFIG_HOME)|GNUPGHOME|PASSWORD_STORE_\w+|DBUS_SESSION_BUS_ADDRESS|RUNNER_TRACKING_ID|SSH_AUTH_SOCK|DOCKER_(CONFIG|HOST|CONTEXT|TLS|TLS_VERIFY|CERT_PATH|API_VERSION)|(HTTPS?|NO|ALL)_PROXY)$/i;
    const entries = Object.entries(process.env).filter((entry) => entry[1] !== undefined && kept.test(entry[0]));
    return Object.fromEntries(entries);
}


/***/ }),

/***/ 5196:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __nccwpck_require__) => {

/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   A9: () => (/* binding */ runFailure),
/* harmony export */   Gj: () => (/* binding */ busyFailure),
/* harmony export */   H_: () => (/* binding */ lockSeconds),
/* harmony export */   Y4: () => (/* binding */ keyFailure),
/* harmony export */   nk: () => (/* binding */ offeredKey),
/* harmony export */   vZ: () => (/* binding */ connectFailure)
/* harmony export */ });
/* harmony import */ var _failure_js__WEBPACK_IMPORTED_MODULE_0__ = __nccwpck_require__(9874);
/* harmony import */ var _format_js__WEBPACK_IMPORTED_MODULE_2__ = __nccwpck_require__(7413);
/* harmony import */ var _hostkey_js__WEBPACK_IMPORTED_MODULE_1__ = __nccwpck_require__(287);
/* harmony import */ var _protocol_js__WEBPACK_IMPORTED_MODULE_3__ = __nccwpck_require__(6824);




/** Why OpenSSH can't use the private key, and what to do, in a sentence. */
function keyFailure(stderr, { passphrase }) {
    if (!/incorrect passphrase/.test(stderr)) {
        return new _failure_js__WEBPACK_IMPORTED_MODULE_0__/* .Failure */ .HR('key', `\`ssh-key\` can\u2019t be read by OpenSSH (${(0,_format_js__WEBPACK_IMPORTED_MODULE_2__/* .lastLine */ .fM)(stderr)}); paste the whole file again`);
    }
    return new _failure_js__WEBPACK_IMPORTED_MODULE_0__/* .Failure */ .HR('key', passphrase === undefined
        ? '`ssh-key` is encrypted; give its passphrase as `ssh-key-passphrase`'
        : '`ssh-key-passphrase` does not open `ssh-key`; give the right one, or a key without a passphrase');
}
/** Why there is no connection, and what to do, in a sentence. */
function connectFailure(stderr, target) {
    const { jump } = target;
    const server = place(target);
    const between = jump ? `the jump host ${place(jump)}` : server;
    const find = (pattern) => pattern.exec(stderr);
    const found = (host) => jump?.host === host && (target.host !== host || !find(/^channel 0: open failed/m)) ? between : server;
    const unreachable = (sentence) => new _failure_js__WEBPACK_IMPORTED_MODULE_0__/* .Failure */ .HR('connection', sentence);
    const key = offeredKey(stderr);
    if (key !== undefined)
        return new _failure_js__WEBPACK_IMPORTED_MODULE_0__/* .Failure */ .HR('hostKey', strangeKey(key, target));
    const denied = find(/^(\S+)@(\S+): Permission denied \(([^)]*)\)/m);
    if (denied) {
        const [, user = '', host = '', methods = ''] = denied;
        return new _failure_js__WEBPACK_IMPORTED_MODULE_0__/* .Failure */ .HR('login', /publickey/.test(methods)
            ? `${found(host)} does not let \`${user}\` in with this key; add its public half to ~${user}/.ssh/authorized_keys there, or change \`ssh-user\` or \`ssh-key\`${user === 'root' ? ' (its sshd may refuse root altogether: `PermitRootLogin`)' : ''}`
            : `${found(host)} takes no keys from \`${user}\`, or wants more than a key (${methods}); let sshd accept a key alone there: \`PubkeyAuthentication yes\`, and for this user no second factor in \`AuthenticationMethods\``);
    }
    const unknown = find(/Could not resolve hostname (\S+?):/)?.[1];
    if (unknown !== undefined) {
        return unreachable(`the name ${unknown} does not resolve; add its DNS record, or correct ${unknown === jump?.host ? '`ssh-jump`' : '`ssh-host`'}`);
    }
    const [, host, reason = ''] = find(/^ssh: connect to host (\S+) port \d+: (.*)$/m) ?? [];
    if (host !== undefined) {
        const input = found(host) === server ? '`ssh-port`' : '`ssh-jump`';
        return unreachable(/refused/.test(reason)
            ? `nothing listens for SSH at ${found(host)}; is sshd running there, and is ${input} right?`
            : `${found(host)} does not answer (${reason.trim()}); is the machine up, and does its firewall let SSH in from here?`);
    }
    const forwarding = find(/^channel 0: open failed: (.*)$/m)?.[1];
    if (forwarding !== undefined) {
        return unreachable(`${between} can\u2019t reach ${server} (${forwarding.trim()}); does it know the name, does it allow forwarding, and is \`ssh-port\` right?`);
    }
    if (find(/Their offer: /)) {
        return unreachable(`this runner\u2019s OpenSSH and ${server} have no algorithm in common (${(0,_format_js__WEBPACK_IMPORTED_MODULE_2__/* .lastLine */ .fM)(stderr)}); update the older of the two`);
    }
    // A host that showed a key does speak SSH.
    const [shown] = (0,_protocol_js__WEBPACK_IMPORTED_MODULE_3__/* .lastMarker */ .zK)(stderr, 'offered')?.split(' ') ?? [];
    if (shown === (0,_hostkey_js__WEBPACK_IMPORTED_MODULE_1__/* .hostKeyName */ .t)(target.host, target.port) && find(/Connection (closed|reset)/)) {
        return new _failure_js__WEBPACK_IMPORTED_MODULE_0__/* .Failure */ .HR('login', `${server} closed the connection while \`${target.user}\` logged in; ${hungUp(target)}`);
    }
    if (jump && find(/timed out|Connection (closed|reset)/)) {
        return unreachable(`${server} can\u2019t be reached through ${between} (${firstLine(stderr)}); are both up, and may the jump host connect to the server?`);
    }
    if (find(/timed out|Connection (closed|reset)/)) {
        return unreachable(`${server} accepts the connection but does not speak SSH; is \`ssh-port\` right, and does its sshd accept connections from here?`);
    }
    return unreachable(`there is no connection to ${server} (${(0,_format_js__WEBPACK_IMPORTED_MODULE_2__/* .lastLine */ .fM)(stderr)}); try \`ssh -v\` from a machine of your own`);
}
/**
 * Why a script did not run as root, or lost its connection, and what to do, in a sentence; `undefined` if the script itself ended.
 * Every script prints a line of the protocol as soon as it begins.
 */
function runFailure({ code, stdout, stderr }, target) {
    const ran = stdout.split('\n').some(_protocol_js__WEBPACK_IMPORTED_MODULE_3__/* .isMarker */ .rg);
    // ssh's own code: the connection was lost.
    const { user } = target;
    if (code === 255) {
        return ran || user !== 'root'
            ? new _failure_js__WEBPACK_IMPORTED_MODULE_0__/* .Failure */ .HR('connectionLost', `the connection to ${place(target)} was lost${ran ? ' halfway' : ''}; run the workflow again, which continues from there`)
            : new _failure_js__WEBPACK_IMPORTED_MODULE_0__/* .Failure */ .HR('login', `${place(target)} let the key in and closed the connection before anything ran; ${hungUp(target)}`);
    }
    if (ran)
        return undefined;
    const noRoot = user === 'root' ? undefined : rootFailure(stderr, target);
    if (noRoot)
        return new _failure_js__WEBPACK_IMPORTED_MODULE_0__/* .Failure */ .HR('sudo', noRoot);
    const words = [...stdout.split('\n'), ...stderr.split('\n').slice(letIn(stderr))].filter(isWord).at(-1);
    return new _failure_js__WEBPACK_IMPORTED_MODULE_0__/* .Failure */ .HR('login', `${place(target)} lets \`${user}\` in, and runs no commands for this user${words === undefined ? '' : ` (\u201c${words.trim()}\u201d)`}; give the user a shell and a key without a forced command, or change \`ssh-user\``);
}
/** The known_hosts line of the host key that ssh refused; `undefined` if it failed for another reason. */
function offeredKey(stderr) {
    if (!/^Host key verification failed/m.test(stderr))
        return undefined;
    return (0,_protocol_js__WEBPACK_IMPORTED_MODULE_3__/* .lastMarker */ .zK)(stderr, 'offered');
}
function strangeKey(key, { fingerprints, knownHosts }) {
    const [host = ''] = key.split(' ');
    const lines = knownHosts.filter(line => line.toLowerCase().split(/[\s,]/).includes(host));
    // Nobody can tell which host a hashed line is for, or a fingerprint without a host.
    const own = fingerprints.flatMap(each => (each.startsWith(`${host} `) ? [each.slice(host.length + 1)] : []));
    const pinned = [...(lines.length > 0 ? lines : knownHosts).map(_hostkey_js__WEBPACK_IMPORTED_MODULE_1__/* .fingerprint */ .R), ...own];
    const offered = (0,_hostkey_js__WEBPACK_IMPORTED_MODULE_1__/* .fingerprint */ .R)(key);
    if (pinned.includes(offered)) {
        return `\`ssh-known-hosts\` has the host key of ${host} under another name; add the line \`${key}\``;
    }
    const known = pinned.length === 0
        ? 'none is pinned for it'
        : `pinned ${pinned.length === 1 ? 'is' : 'are'} ${pinned.join(', ')}`;
    return `the host key of ${host} is not the one in \`ssh-known-hosts\`: it offers ${offered}, ${known}. If that machine was reinstalled, compare with \`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\` on it and change \`ssh-known-hosts\`; if not, somebody may be intercepting the connection`;
}
// It is a race whether sshd hangs up before or after it accepts root's key, so both have the same message.
function hungUp({ user }) {
    const where = user === 'root'
        ? 'look at `PermitRootLogin` in its sshd\u2019s settings: with `forced-commands-only` the key needs a forced command'
        : 'look at its sshd\u2019s log (`journalctl -u ssh -n 20`)';
    return `run the workflow again, and if it says the same, ${where}`;
}
function rootFailure(stderr, { user, sudoPassword }) {
    const said = (pattern) => pattern.test(stderr);
    if (said(/not in the sudoers file|not allowed to (execute|run)|I'm afraid I can't do that/)) {
        return `\`${user}\` may not become root with sudo; add the user to the sudo group, or change \`ssh-user\``;
    }
    if (said(/sudo: .*not found/))
        return 'the server has no sudo; install it, or set `ssh-user: root`';
    if (said(/must have a tty/)) {
        return `sudo wants a terminal from \`${user}\`; take \`requiretty\` out of the server\u2019s sudoers`;
    }
    if (sudoPassword !== undefined &&
        said(/incorrect password|incorrect authentication|[Aa]uthentication failed/)) {
        return `sudo does not accept \`sudo-password\` from \`${user}\`; correct it, or let the user become root without one`;
    }
    if (said(/password is required|authentication is required/)) {
        return `sudo asks \`${user}\` for a password; give it as \`sudo-password\`, or let the user become root without one`;
    }
    const reason = /^sudo(?:-rs)?: (.*)$/m.exec(stderr)?.[1];
    return reason && `\`${user}\` can\u2019t become root: sudo says \u201c${reason}\u201d`;
}
function place({ host, port }) {
    return port === 22 ? host : `${host} port ${port}`;
}
// ssh first says what happened, then what follows from it.
function firstLine(text) {
    return (0,_format_js__WEBPACK_IMPORTED_MODULE_2__/* .lastLine */ .fM)(text.split('\n').find(isWord) ?? '');
}
// The banner comes first, and says nothing about the command.
function letIn(stderr) {
    return stderr.split('\n').indexOf((0,_protocol_js__WEBPACK_IMPORTED_MODULE_3__/* .marker */ .xL)('connected')) + 1;
}
// Not one of our own lines.
function isWord(line) {
    return line.trim() !== '' && !(0,_protocol_js__WEBPACK_IMPORTED_MODULE_3__/* .isMarker */ .rg)(line);
}
/** Seconds that a run waits for another one on the same server. */
const lockSeconds = 900;
/** Another run has kept the lock on the server for as long as this one could wait. */
function busyFailure(seconds) {
    return new _failure_js__WEBPACK_IMPORTED_MODULE_0__/* .Failure */ .HR('busy', `another run of Berth has been at work on this server for ${seconds} s; wait for it and run again`);
}


/***/ }),

/***/ 287:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __nccwpck_require__) => {

/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   R: () => (/* binding */ fingerprint),
/* harmony export */   t: () => (/* binding */ hostKeyName)
/* harmony export */ });
/* harmony import */ var node_crypto__WEBPACK_IMPORTED_MODULE_0__ = __nccwpck_require__(7598);

/** A host as known_hosts and ssh write it: in lower case, and with its port, unless that is 22. */
function hostKeyName(host, port) {
    const name = host.toLowerCase();
    return port === 22 ? name : `[${name}]:${port}`;
}
/** `SHA256:\u2026` of the key in a known_hosts line, as OpenSSH prints it. */
function fingerprint(line) {
    const key = /\s(AAAA[A-Za-z0-9+/]+=*)/.exec(line)?.[1];
    return (key &&
        `SHA256:${(0,node_crypto__WEBPACK_IMPORTED_MODULE_0__.createHash)('sha256').update(Buffer.from(key, 'base64')).digest('base64').replace(/=+$/, '')}`);
}


/***/ }),

/***/ 6824:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __nccwpck_require__) => {

/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   rg: () => (/* binding */ isMarker),
/* harmony export */   t7: () => (/* binding */ readMarker),
/* harmony export */   xL: () => (/* binding */ marker),
/* harmony export */   zK: () => (/* binding */ lastMarker)
/* harmony export */ });
const prefix = 'berth:';
/** A line of the protocol; the value must have no line break. */
function marker(name, value) {
    return prefix + name + (value === undefined ? '' : `=${value}`);
}
/** Reads a line of the protocol; `undefined` for any other line. */
function readMarker(line) {
    const [, name, value = ''] = /^berth:([\w.@-]+)(?:=(.*))?$/.exec(line) ?? [];
    return name === undefined ? undefined : { name, value };
}
function isMarker(line) {
    return line.startsWith(prefix);
}
/** The value of the last line with a name; `undefined` if there is none. */
function lastMarker(text, name) {
    const start = marker(name, '');
    return text
        .split('\n')
        .findLast(line => line.startsWith(start))
        ?.slice(start.length);
}


/***/ }),

/***/ 9819:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __nccwpck_require__) => {


// EXPORTS
__nccwpck_require__.d(__webpack_exports__, {
  g: () => (/* binding */ Server)
});

// EXTERNAL MODULE: external "node:fs"
var external_node_fs_ = __nccwpck_require__(3024);
// EXTERNAL MODULE: external "node:path"
var external_node_path_ = __nccwpck_require__(6760);
// EXTERNAL MODULE: ./build/failure.js
var failure = __nccwpck_require__(9874);
// EXTERNAL MODULE: ./build/format.js
var format = __nccwpck_require__(7413);
// EXTERNAL MODULE: ./build/runner/process.js
var runner_process = __nccwpck_require__(1794);
// EXTERNAL MODULE: ./build/shell.js
var shell = __nccwpck_require__(2474);
// EXTERNAL MODULE: ./build/server/hostkey.js
var hostkey = __nccwpck_require__(287);
// EXTERNAL MODULE: ./build/server/protocol.js
var protocol = __nccwpck_require__(6824);
;// CONCATENATED MODULE: ./build/server/config.js


/** The files that `ssh -F config` needs in its folder, by name. `unpinned` has the types of host keys that ssh must not accept. */
function files(target, unpinned) {
    const { jump } = target;
    const avoid = (host, port) => {
        const patterns = unpinned.get((0,hostkey/* hostKeyName */.t)(host, port));
        return patterns ? `\n  HostKeyAlgorithms -${patterns.join(',')}` : '';
    };
    return {
        key: target.key,
        known_hosts: target.knownHosts.map(line => `${line}\n`).join(''),
        fingerprints: target.fingerprints.map(line => `${line}\n`).join(''),
        passphrase: `${target.passphrase ?? ''}\n`,
        // OpenSSH asks this program instead of a terminal.
        askpass: '#!/bin/sh\nexec cat passphrase\n',
        // Called with a host, its key's type, its fingerprint and the key; prints a known_hosts line if the key is pinned.
        // ssh itself does not say what it was offered if it knows no key of that type.
        pinned: `[ "$4" != NONE ] || exit 0
if [ -s fingerprints ] && grep -qxF -e "$1 $3" fingerprints; then printf '%s %s %s\\n' "$1" "$2" "$4"; fi
printf '${(0,protocol/* marker */.xL)('offered', '%s %s %s')}\\n' "$1" "$2" "$4" >&2
`,
        config: `Host server
  HostName ${target.host}
  Port ${target.port}
  User ${target.user}${avoid(target.host, target.port)}
  ControlPath control
  PermitLocalCommand yes
  LocalCommand echo ${(0,protocol/* marker */.xL)('connected')} >&2
${jump
            ? `  ProxyJump jump
Host jump
  HostName ${jump.host}
  Port ${jump.port}
  User ${jump.user}${avoid(jump.host, jump.port)}
`
            : ''}Host *
  IdentityFile key
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile known_hosts
  GlobalKnownHostsFile /dev/null
  # OpenSSH before 8.5 hasn't got it and can do without: it then knows lines, not fingerprints.
  IgnoreUnknown KnownHostsCommand
  KnownHostsCommand /bin/sh pinned %H %t %f %K
  StrictHostKeyChecking yes
  # Where images go through it: it costs two thirds of the CPU time of what OpenSSH likes best.
  Ciphers ^aes128-gcm@openssh.com
  CheckHostIP no
  UpdateHostKeys no
  PreferredAuthentications publickey
  NumberOfPasswordPrompts 1
  ConnectTimeout 20
  ServerAliveInterval 15
  ServerAliveCountMax 4
  ForwardAgent no
  ForwardX11 no
`,
    };
}
// The first line of input is the password. If sudo does not ask for one, it would pass it on to the script, so first this finds out
// whether it asks. The password is tried without the script, because sudo would take its lines for further attempts. An old sudo-rs
// (0.2.5) reads up to 8 KiB for the password and loses what follows, so it gets empty lines.
const asRoot = [
    'LC_ALL=C; export LC_ALL',
    'IFS= read -r password || exit 1',
    'if [ -z "$password" ] || sudo -n sh -s </dev/null 2>/dev/null; then exec sudo -n sh -s; fi',
    'printf "%s\\n" "$password" | sudo -k -S -p "" sh -s || exit 1',
    '{ printf "%s\\n" "$password"; printf "%32768s" "" | tr " " "\\n"; cat; } | sudo -k -S -p "" sh -s',
].join('; ');

;// CONCATENATED MODULE: ./build/server/connection.js

/** What the shell prints when the first script has run. */
const end = (0,protocol/* marker */.xL)('ran');
/**
 * The ssh that holds the connection. It also runs the first script itself, because another command would cost another process here.
 * Its shell then waits for more until it is killed, which keeps the connection open for later commands.
 */
class Connection {
    #process;
    #greeting;
    #hear = () => { };
    ended;
    /** Resolves once the server has let us in. */
    up;
    /** Whether no script has run yet. */
    free = true;
    constructor(start, greeting) {
        let letIn = () => { };
        this.up = new Promise(resolve => {
            letIn = () => resolve(undefined);
        });
        this.#process = start((line, stream) => {
            if (stream === 'stdout')
                this.#hear(line);
            else if (line === (0,protocol/* marker */.xL)('connected'))
                letIn();
        });
        this.#greeting = greeting;
        this.ended = this.#process.ended;
    }
    async first(script, onLine) {
        this.free = false;
        const ran = new Promise(resolve => {
            this.#hear = line => (line === end ? resolve(undefined) : onLine(line));
        });
        this.#process.write(`${this.#greeting}${script}\necho ${end}\n`);
        const said = await Promise.race([this.ended, ran]);
        if (said)
            return said;
        const { stdout, stderr } = this.#process.said;
        return { code: 0, stdout: stdout.slice(0, stdout.lastIndexOf(end)), stderr };
    }
}

// EXTERNAL MODULE: ./build/server/failure.js
var server_failure = __nccwpck_require__(5196);
;// CONCATENATED MODULE: ./build/server/server.js










/**
 * The server, over one SSH connection that all commands share.
 *
 * OpenSSH takes the home folder from the password database, not from $HOME. So every path is set, and nothing of the machine's own
 * configuration, agent or known hosts is used. Paths are relative to the folder in which ssh runs, because that of a Unix socket has
 * at most 107 bytes, and the folder's may be longer.
 */
class Server {
    #target;
    #folder;
    #debug;
    #cancelled;
    #silence;
    #opening;
    #running = new Set();
    /** A descriptor of the folder, which is open while a socket of the server is reached through it. */
    #door;
    /** By host, as known_hosts writes it: patterns of the host key algorithms that it offered and that are not pinned. */
    #unpinned = new Map();
    /**
     * Writes what OpenSSH needs below `folder` while there is a connection; nobody else must be able to read it. `cancelled` ends
     * everything at once. `silence` is how many milliseconds a script may take to print its first line.
     */
    constructor(target, folder, debug, cancelled = new AbortController().signal, silence = maxSilence) {
        this.#silence = silence;
        this.#target = target;
        this.#folder = folder;
        this.#debug = debug;
        this.#cancelled = cancelled;
    }
    /** Begins to connect, while the caller does something else. `run` throws if it failed. */
    connect() {
        this.#opening ??= this.#open();
        this.#opening.catch(() => { });
    }
    /**
     * Runs a script as root, and returns its output. Calls `onLine` with each line as it arrives. Throws if the server can't be reached,
     * refuses, or does not finish.
     */
    async run(script, onLine = () => { }) {
        this.connect();
        const connection = await this.#opening;
        const said = await this.#inTime(hear => connection?.free
            ? connection.first(script, hear)
            : this.#start('ssh', [...config, 'server', this.#command()], hear).end(this.#greeting() + script), onLine);
        this.#stopIfCancelled();
        const failure = (0,server_failure/* runFailure */.A9)(said, this.#target);
        if (failure)
            throw failure;
        return said.stdout;
    }
    /**
     * Lets this machine reach a Unix socket of the server that only root may open. Returns a path that reaches it until the connection
     * is closed. The path is short, however long the folder\u2019s is, because a socket\u2019s has at most 107 bytes.
     */
    async forward(socket) {
        const remote = this.#target.user === 'root' ? socket : await this.#relay(socket);
        (0,external_node_fs_.rmSync)((0,external_node_path_.join)(this.#folder, 'registry'), { force: true });
        const forwarded = await this.#start('ssh', [
            ...config,
            ...['-O', 'forward', '-o', 'StreamLocalBindMask=0177', '-L', `./registry:${remote}`, 'server'],
        ]).end();
        this.#stopIfCancelled();
        if (forwarded.code !== 0)
            throw new failure/* Failure */.HR('connection', `SSH can\u2019t forward a connection to the registry (${(0,format/* lastLine */.fM)(forwarded.stderr)}); allow \`AllowStreamLocalForwarding\` in the server\u2019s sshd_config, and add \`port-forwarding\` where the key\u2019s line in authorized_keys has \`restrict\`, or push through HTTPS`);
        this.#door ??= (0,external_node_fs_.openSync)(this.#folder, 'r');
        return `/proc/self/fd/${this.#door}/registry`;
    }
    /** For a user who becomes root with sudo: the path of a socket on the server that reaches one which only root may open. */
    #relay(socket) {
        return new Promise((resolve, reject) => {
            const script = `exec perl -e ${(0,shell/* quote */.hD)((0,shell/* library */.Yv)('server/relay.pl'))} ${(0,shell/* quote */.hD)(socket)} /run </dev/null\n`;
            // It runs until the connection is closed. After that its end is no failure.
            this.run(script, line => {
                const { name, value } = (0,protocol/* readMarker */.t7)(line) ?? {};
                if (name === 'relay' && value !== undefined)
                    resolve(value);
            }).then(() => reject(new failure/* Failure */.HR('connection', 'the tunnel to the registry was closed; run the workflow again')), reject);
        });
    }
    /** Every script prints a line as soon as it begins. If none comes, something before it has swallowed the script. */
    async #inTime(work, onLine) {
        const timers = [];
        const late = new Promise((_, reject) => {
            const after = (milliseconds, topic, sentence) => timers.push(setTimeout(() => reject(new failure/* Failure */.HR(topic, sentence)), milliseconds));
            const minutes = Math.ceil(this.#silence / 60_000);
            after(this.#silence, 'login', `the server lets \`${this.#target.user}\` in but has run nothing for ${minutes} minutes; see whether \`sudo\` or a login file there waits for something (\`ps -ef --forest\`), and run again`);
            after(maxMinutes * 60_000, 'step', `the server did not finish within ${maxMinutes} minutes; see what hangs there with \`ps -ef --forest\`, and run again`);
        });
        const hear = (line) => {
            clearTimeout(timers[0]);
            onLine(line);
        };
        try {
            return await Promise.race([work(hear), late]);
        }
        finally {
            timers.forEach(clearTimeout);
        }
    }
    /** Ends the connection and removes the files for OpenSSH. */
    async close() {
        for (const { kill } of this.#running)
            kill();
        const connection = await this.#opening?.catch(() => undefined);
        await connection?.ended;
        this.#opening = undefined;
        if (this.#door !== undefined)
            (0,external_node_fs_.closeSync)(this.#door);
        this.#door = undefined;
        (0,external_node_fs_.rmSync)(this.#folder, { recursive: true, force: true });
    }
    /** Throws if the key can't be opened: ssh itself would only say that the server refused it. */
    async #openKey() {
        const { code, stderr } = await this.#start('ssh-keygen', ['-y', '-f', 'key']).end();
        this.#stopIfCancelled();
        if (code !== 0)
            throw (0,server_failure/* keyFailure */.Y4)(stderr, this.#target);
    }
    async #open() {
        (0,external_node_fs_.mkdirSync)(this.#folder, { recursive: true, mode: 0o700 });
        this.#write();
        // Before connecting, unless the input was found to be a complete key without a passphrase.
        const { plainKey } = this.#target;
        if (!plainKey)
            await this.#openKey();
        let strange;
        for (;;) {
            const connection = new Connection(onLine => this.#start('ssh', [...config, '-M', 'server', this.#command()], onLine), this.#greeting());
            const said = await Promise.race([connection.ended, connection.up]);
            this.#stopIfCancelled();
            if (said === undefined)
                return connection;
            if (this.#avoid(said.stderr)) {
                strange ??= said.stderr;
                continue;
            }
            if (plainKey)
                await this.#openKey();
            const exhausted = /no matching host key type/.test(said.stderr);
            throw (0,server_failure/* connectFailure */.vZ)((exhausted && strange) || said.stderr, this.#target);
        }
    }
    #command() {
        return this.#target.user === 'root' ? 'sh -s' : `sh -c ${(0,shell/* quote */.hD)(asRoot)}`;
    }
    /** What the remote command reads before the script. */
    #greeting() {
        return this.#target.user === 'root' ? '' : `${this.#target.sudoPassword ?? ''}\n`;
    }
    /**
     * A fingerprint does not say what type its key has, and a server shows only one key, of the type that ssh prefers. Returns whether
     * to connect again, without the type that was offered and is not pinned.
     */
    #avoid(stderr) {
        const [host, type = ''] = (0,server_failure/* offeredKey */.nk)(stderr)?.split(' ') ?? [];
        if (host === undefined || this.#target.fingerprints.length === 0)
            return false;
        const family = `*${/ed25519|ecdsa|rsa/.exec(type)?.[0] ?? type}*`;
        const avoided = this.#unpinned.get(host) ?? [];
        if (avoided.includes(family))
            return false;
        this.#unpinned.set(host, [...avoided, family]);
        this.#write();
        return true;
    }
    #write() {
        for (const [name, content] of Object.entries(files(this.#target, this.#unpinned))) {
            (0,external_node_fs_.writeFileSync)((0,external_node_path_.join)(this.#folder, name), content, { mode: name === 'askpass' ? 0o700 : 0o600 });
        }
    }
    #stopIfCancelled() {
        if (this.#cancelled.aborted)
            throw new failure/* Cancelled */.cJ();
    }
    #start(program, args, onLine = () => { }) {
        const process = (0,runner_process/* start */.n)(program, args, {
            cwd: this.#folder,
            env: environment(),
            cancelled: this.#cancelled,
            onLine: (line, stream) => {
                onLine(line, stream);
                if (stream === 'stderr')
                    this.#debug(line);
            },
        });
        const ended = process.ended
            .catch(error => {
            if (error instanceof failure/* Failure */.HR)
                throw error;
            throw new failure/* Failure */.HR('runnerProgram', 'this runner has no `ssh`; install the OpenSSH client');
        })
            .finally(() => this.#running.delete(started));
        const started = {
            ...process,
            ended,
            end(input) {
                void process.end(input).catch(() => { });
                return ended;
            },
        };
        this.#running.add(started);
        return started;
    }
}
/** More than a script can take: it waits up to 15 minutes for another run, and five each for certbot and other package managers. */
const maxMinutes = 60;
/** Milliseconds. A script of 100 KB has to be transferred first. */
const maxSilence = 120_000;
const config = ['-F', 'config'];
/** The environment, in which ssh asks our own program instead of a terminal. */
function environment() {
    const { PATH = '', RUNNER_TRACKING_ID = '' } = process.env;
    return { PATH, RUNNER_TRACKING_ID, SSH_ASKPASS: './askpass', SSH_ASKPASS_REQUIRE: 'force' };
}


/***/ }),

/***/ 2474:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __nccwpck_require__) => {

/* harmony export */ __nccwpck_require__.d(__webpack_exports__, {
/* harmony export */   LY: () => (/* binding */ asset),
/* harmony export */   Yv: () => (/* binding */ library),
/* harmony export */   Zz: () => (/* binding */ compose),
/* harmony export */   fx: () => (/* binding */ withoutComments),
/* harmony export */   hD: () => (/* binding */ quote),
/* harmony export */   lm: () => (/* binding */ notice),
/* harmony export */   n8: () => (/* binding */ line)
/* harmony export */ });
/* harmony import */ var node_fs__WEBPACK_IMPORTED_MODULE_0__ = __nccwpck_require__(3024);

/** Quotes a string for a POSIX shell. A NUL byte can't be passed to a shell at all. */
function quote(text) {
    if (text.includes('\0'))
        throw new Error('a NUL byte can\u2019t be sent to a shell');
    return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
/** A call as a line of shell. */
function line(call) {
    return call.map(quote).join(' ');
}
/**
 * One script out of shell libraries and the lines that use them.
 *
 * Everything is inside `main`, which the last line calls. A shell that reads from a connection runs each line as it arrives,
 * so a script that was cut off in transfer would otherwise run in part. `echo` comes first because a login file may have
 * left its last line unfinished. `main` has no input, so that nothing in it can read what comes after the script.
 * The umask is the script's own: a login may have set any, and sudo-rs before 0.2.7 keeps the user's, which may let a group
 * write what root makes.
 */
function compose(libraries, body) {
    return [
        'main() {',
        ...libraries.map(library),
        'umask 022',
        'echo',
        ...body,
        '}',
        'main "$@" </dev/null',
        '',
    ].join('\n');
}
/** The code of a program that runs on servers: `NAME.sh` below this folder, unless the name has another ending. */
function library(name) {
    const file = /\.\w+$/.test(name) ? name : `${name}.sh`;
    return withoutComments((0,node_fs__WEBPACK_IMPORTED_MODULE_0__.readFileSync)(new URL(`./${file}`, import.meta.url), 'utf8'));
}
/** The unchanged text of a file below this folder, for what is not a program for servers. */
function asset(name) {
    return (0,node_fs__WEBPACK_IMPORTED_MODULE_0__.readFileSync)(new URL(`./${name}`, import.meta.url), 'utf8');
}
/** Begins the files that Berth writes on a server, for people who come across them. */
const notice = '# Written by Berth, which undoes changes made here.';
/**
 * Removes comments, because a changed comment must not change a file on a server, let alone restart anything there. Directives
 * for shellcheck stay.
 */
function withoutComments(text) {
    return text.replace(/^[ \t]*#(?! shellcheck ).*\n/gm, '').replace(/\n{3,}/g, '\n\n');
}


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
/******/ 		__webpack_modules__[moduleId].call(module.exports, module, module.exports, __nccwpck_require__);
/******/ 		threw = false;
/******/ 	} finally {
/******/ 		if(threw) delete __webpack_module_cache__[moduleId];
/******/ 	}
/******/ 
/******/ 	// Return the exports of the module
/******/ 	return module.exports;
/******/ }
/******/ 
/******/ // expose the modules object (__webpack_modules__)
/******/ __nccwpck_require__.m = __webpack_modules__;
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
/******/ /* webpack/runtime/create fake namespace object */
/******/ (() => {
/******/ 	var getProto = Object.getPrototypeOf ? (obj) => (Object.getPrototypeOf(obj)) : (obj) => (obj.__proto__);
/******/ 	var leafPrototypes;
/******/ 	// create a fake namespace object
/******/ 	// mode & 1: value is a module id, require it
/******/ 	// mode & 2: merge all properties of value into the ns
/******/ 	// mode & 4: return value when already ns object
/******/ 	// mode & 16: return value when it's Promise-like
/******/ 	// mode & 8|1: behave like require
/******/ 	__nccwpck_require__.t = function(value, mode) {
/******/ 		if(mode & 1) value = this(value);
/******/ 		if(mode & 8) return value;
/******/ 		if(typeof value === 'object' && value) {
/******/ 			if((mode & 4) && value.__esModule) return value;
/******/ 			if((mode & 16) && typeof value.then === 'function') return value;
/******/ 		}
/******/ 		var ns = Object.create(null);
/******/ 		__nccwpck_require__.r(ns);
/******/ 		var def = {};
/******/ 		leafPrototypes = leafPrototypes || [null, getProto({}), getProto([]), getProto(getProto)];
/******/ 		for(var current = mode & 2 && value; typeof current == 'object' && !~leafPrototypes.indexOf(current); current = getProto(current)) {
/******/ 			Object.getOwnPropertyNames(current).forEach((key) => (def[key] = () => (value[key])));
/******/ 		}
/******/ 		def['default'] = () => (value);
/******/ 		__nccwpck_require__.d(ns, def);
/******/ 		return ns;
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
/******/ /* webpack/runtime/ensure chunk */
/******/ (() => {
/******/ 	__nccwpck_require__.f = {};
/******/ 	// This file contains only the entry chunk.
/******/ 	// The chunk loading function for additional chunks
/******/ 	__nccwpck_require__.e = (chunkId) => {
/******/ 		return Promise.all(Object.keys(__nccwpck_require__.f).reduce((promises, key) => {
/******/ 			__nccwpck_require__.f[key](chunkId, promises);
/******/ 			return promises;
/******/ 		}, []));
/******/ 	};
/******/ })();
/******/ 
/******/ /* webpack/runtime/get javascript chunk filename */
/******/ (() => {
/******/ 	// This function allow to reference async chunks
/******/ 	__nccwpck_require__.u = (chunkId) => {
/******/ 		// return url for filenames based on template
/******/ 		return "" + chunkId + ".index.js";
/******/ 	};
/******/ })();
/******/ 
/******/ /* webpack/runtime/hasOwnProperty shorthand */
/******/ (() => {
/******/ 	__nccwpck_require__.o = (obj, prop) => (Object.prototype.hasOwnProperty.call(obj, prop))
/******/ })();
/******/ 
/******/ /* webpack/runtime/make namespace object */
/******/ (() => {
/******/ 	// define __esModule on exports
/******/ 	__nccwpck_require__.r = (exports) => {
/******/ 		if(typeof Symbol !== 'undefined' && Symbol.toStringTag) {
/******/ 			Object.defineProperty(exports, Symbol.toStringTag, { value: 'Module' });
/******/ 		}
/******/ 		Object.defineProperty(exports, '__esModule', { value: true });
/******/ 	};
/******/ })();
/******/ 
/******/ /* webpack/runtime/import chunk loading */
/******/ (() => {
/******/ 	// no baseURI
/******/ 	
/******/ 	// object to store loaded and loading chunks
/******/ 	// undefined = chunk not loaded, null = chunk preloaded/prefetched
/******/ 	// [resolve, Promise] = chunk loading, 0 = chunk loaded
/******/ 	var installedChunks = {
/******/ 		792: 0
/******/ 	};
/******/ 	
/******/ 	var installChunk = (data) => {
/******/ 		var {ids, modules, runtime} = data;
/******/ 		// add "modules" to the modules object,
/******/ 		// then flag all "ids" as loaded and fire callback
/******/ 		var moduleId, chunkId, i = 0;
/******/ 		for(moduleId in modules) {
/******/ 			if(__nccwpck_require__.o(modules, moduleId)) {
/******/ 				__nccwpck_require__.m[moduleId] = modules[moduleId];
/******/ 			}
/******/ 		}
/******/ 		if(runtime) runtime(__nccwpck_require__);
/******/ 		for(;i < ids.length; i++) {
/******/ 			chunkId = ids[i];
/******/ 			if(__nccwpck_require__.o(installedChunks, chunkId) && installedChunks[chunkId]) {
/******/ 				installedChunks[chunkId][0]();
/******/ 			}
/******/ 			installedChunks[ids[i]] = 0;
/******/ 		}
/******/ 	
/******/ 	}
/******/ 	
/******/ 	__nccwpck_require__.f.j = (chunkId, promises) => {
/******/ 			// import() chunk loading for javascript
/******/ 			var installedChunkData = __nccwpck_require__.o(installedChunks, chunkId) ? installedChunks[chunkId] : undefined;
/******/ 			if(installedChunkData !== 0) { // 0 means "already installed".
/******/ 	
/******/ 				// a Promise means "currently loading".
/******/ 				if(installedChunkData) {
/******/ 					promises.push(installedChunkData[1]);
/******/ 				} else {
/******/ 					if(true) { // all chunks have JS
/******/ 						// setup Promise in chunk cache
/******/ 						var promise = import("./" + __nccwpck_require__.u(chunkId)).then(installChunk, (e) => {
/******/ 							if(installedChunks[chunkId] !== 0) installedChunks[chunkId] = undefined;
/******/ 							throw e;
/******/ 						});
/******/ 						var promise = Promise.race([promise, new Promise((resolve) => (installedChunkData = installedChunks[chunkId] = [resolve]))])
/******/ 						promises.push(installedChunkData[1] = promise);
/******/ 					}
/******/ 				}
/******/ 			}
/******/ 	};
/******/ 	
/******/ 	// no prefetching
/******/ 	
/******/ 	// no preloaded
/******/ 	
/******/ 	// no external install chunk
/******/ 	
/******/ 	// no on chunks loaded
/******/ })();
/******/ 
/************************************************************************/
/******/ 
/******/ // startup
/******/ // Load entry module and return exports
/******/ // This entry module used 'module' so it can't be inlined
/******/ var __webpack_exports__ = __nccwpck_require__(9479);
/******/ __webpack_exports__ = await __webpack_exports__;
/******/ 
