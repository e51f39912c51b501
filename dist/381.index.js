export const id = 381;
export const ids = [381];
export const modules = {

/***/ 4908:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   DY: () => (/* binding */ rightsOf),
/* harmony export */   Pl: () => (/* binding */ prefix),
/* harmony export */   Yg: () => (/* binding */ doorMaps),
/* harmony export */   bf: () => (/* binding */ ownerOf),
/* harmony export */   cw: () => (/* binding */ doorLocation),
/* harmony export */   d7: () => (/* binding */ doorRefused)
/* harmony export */ });
/* unused harmony export patternRegex */
/* harmony import */ var node_crypto__WEBPACK_IMPORTED_MODULE_0__ = __webpack_require__(7598);

/** Seconds that each wrong password costs the address it comes from, and how many of its wrong answers may wait. */
const guess = { rate: '1r/s', burst: 20 };
/** What belongs before the site's servers. */
function doorMaps(desired) {
    const { domain, users, access } = desired;
    if (users === null)
        return '';
    const id = prefix(domain);
    return [
        `# Without credentials a 401 is how every client begins, so only an answer to credentials counts as a guess.
map $http_authorization $${id}_guesser {
    default $binary_remote_addr;
    "" "";
}
limit_req_zone $${id}_guesser zone=${id}_guesses:1m rate=${guess.rate};
`,
        ...(access
            ? [
                accessMaps(id, access, users.map(({ name }) => name)),
            ]
            : []),
        '',
    ].join('\n');
}
/** What belongs into the location that proxies, beside its other `proxy_set_header`. */
function doorLocation({ domain, users, access }) {
    if (users === null)
        return '';
    const id = prefix(domain);
    const rules = `
        # Who has no right to what is asked for is told so before a byte of it is read.
        if ($${id}_denied) { return 403 '{"errors":[{"code":"DENIED","message":"$${id}_denied"}]}'; }
        if ($${id}_source_denied) { return 403 '{"errors":[{"code":"DENIED","message":"$${id}_source_denied"}]}'; }
        # One header, and only of a user whom the rules know; without it the registry asks for credentials.
        proxy_set_header Authorization $${id}_authorization;
        proxy_set_header Content-Type $${id}_content_type;
`;
    return `${access ? rules : ''}
        proxy_intercept_errors on;
        error_page 401 = @refused;
`;
}
/**
 * Where an answer of 401 goes. A wrong password waits here; nobody with the right one comes along. The registry is asked
 * again without credentials, so that the answer is its own.
 */
function doorRefused({ domain, users, registry }) {
    if (users === null)
        return '';
    return `
    location @refused {
        limit_req zone=${prefix(domain)}_guesses burst=${guess.burst};
        limit_req_status 429;
        limit_req_log_level warn;
        proxy_pass http://127.0.0.1:${registry.port};
        proxy_http_version 1.1;
        proxy_pass_request_body off;
        proxy_set_header Authorization "";
        proxy_set_header Content-Length "";
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-Proto $scheme;
        # It is there already, from the first answer.
        proxy_hide_header WWW-Authenticate;
    }
`;
}
/** The rights of a user: by a rule of its own, by that of `NAME` for `NAME+anything`, or by that for all others. */
function rightsOf(name, access) {
    return access.get(name) ?? access.get(ownerOf(name)) ?? access.get('*') ?? { pull: [], push: [] };
}
/** `ci+next` is a second password of `ci`. An address such as `me+x@example.com` is nobody's second. */
function ownerOf(name) {
    return /^(.+)\+[\w.-]+$/.exec(name)?.[1] ?? name;
}
// Variables are global in nginx, and their names must be short: several registries may live on one server.
function prefix(domain) {
    return `berth_${(0,node_crypto__WEBPACK_IMPORTED_MODULE_0__.createHash)('sha256').update(domain).digest('hex').slice(0, 8)}`;
}
// No name that the registry takes has a percent sign, an empty part or one of dots, so a path that is spelled otherwise
// is not on the list. In a query, Docker writes the slash as %2F.
const part = '[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?';
const repository = `${part}(?:/${part})*`;
const quotedRepository = `${part}(?:(?:/|%2[Ff])${part})*`;
/** A tag or a digest. */
const reference = '(?:[\\w.+:-]|%3[Aa])+';
const query = '(?:\\?[!-~]*)?';
// The registry decodes the names of parameters: with `%66rom` or a second `from` it would see what nginx does not.
const parameter = '(?!from=)[a-z_-]+=[\\w.:%+~/=-]*';
const mountQuery = `(?:\\?(?:${parameter}(?:&${parameter})*)?)?`;
const mountFromQuery = `\\?(?:${parameter}&)*from=${quotedRepository}(?:&${parameter})*`;
function accessMaps(id, access, names) {
    const lines = (each) => each.map(line => `    ${line}\n`).join('');
    const rules = ruleLines(names, access);
    const everything = groups(names, access)
        .filter(({ rights }) => [...rights.pull, ...rights.push].includes('**'))
        .flatMap(group => chunks(group.names.map(escaped), 2000))
        .map(each => `"~^(?:${each}) list all repositories\\z" "";`);
    const known = chunks(names.map(escaped), 2000);
    const repo = `(?<${id}_repository>${repository})`;
    return `# Who the client says it is: one of the users, or nobody. Two headers, or one in an odd spelling, are nobody's.
map "$remote_user $http_authorization" $${id}_user {
    default "";
${lines(known.map(each => `"~^(?:${each}) [Bb][Aa][Ss][Ii][Cc] [A-Za-z0-9+/]+=*\\z" $remote_user;`))}}
map $${id}_user $${id}_authorization {
    default $http_authorization;
    "" "";
}
# What is asked for, from a list of all that a client may ask; deleting is pushing.
map "$request_method $request_uri" $${id}_asks {
    default "ask for this path";
    "~^(?:GET|HEAD) /(?:v2/?)?${query}\\z" "log in";
    "~^(?:GET|HEAD) /v2/_catalog${query}\\z" "list all repositories";
    "~^(?:GET|HEAD) /v2/${repo}/(?:manifests/${reference}|blobs/${reference}|referrers/${reference}|tags/list)${query}\\z" "pull $${id}_repository";
    "~^(?:PUT|DELETE) /v2/${repo}/manifests/${reference}${query}\\z" "push $${id}_repository";
    "~^DELETE /v2/${repo}/blobs/${reference}${query}\\z" "push $${id}_repository";
    "~^(?:GET|HEAD|PATCH|PUT|DELETE) /v2/${repo}/blobs/uploads/[\\w.=-]+${query}\\z" "push $${id}_repository";
    "~^POST /v2/${repo}/blobs/uploads/${mountQuery}\\z" "push $${id}_repository";
    "~^POST /v2/${repo}/blobs/uploads/${mountFromQuery}\\z" "push $${id}_repository";
}
# A layer may be taken over from another repository.
map "$request_method $request_uri" $${id}_source {
    default "";
    "~^POST [^?]*\\?(?:.*&)?from=(?<${id}_from>[^&]*)" $${id}_from;
}
# The registry would read a form's fields before those of the URL: a layer's source must not hide in a body.
map $request_method $${id}_content_type {
    default $content_type;
    POST application/octet-stream;
}
# The rules. What they do not allow is denied, with these words; whoever shows no credentials is the registry's to ask.
map "$${id}_user $${id}_asks" $${id}_denied {
    default "$${id}_user may not $${id}_asks";
    "~^ " "";
    "~ log in\\z" "";
${lines([...everything, ...rules])}}
map "$${id}_user pull $${id}_source" $${id}_source_denied {
    default "$${id}_user may not pull $${id}_source";
    "~^ " "";
    "~ pull \\z" "";
${lines(rules)}}
`;
}
function ruleLines(names, access) {
    return groups(names, access).flatMap(group => ['pull', 'push'].flatMap(verb => chunks(group.rights[verb].map(patternRegex), 1500).flatMap(patterns => chunks(group.names.map(escaped), 2000).map(
    // Nobody can push without looking at what is there.
    each => `"~^(?:${each}) ${verb === 'push' ? '(?:pull|push)' : 'pull'} (?:${patterns})\\z" "";`))));
}
/** Users with the same rights, in the order of their first. */
function groups(names, access) {
    const byRights = new Map();
    for (const name of names) {
        const rights = rightsOf(name, access);
        const key = JSON.stringify([rights.pull, rights.push]);
        const group = byRights.get(key) ?? { names: [], rights };
        group.names.push(name);
        byRights.set(key, group);
    }
    return [...byRights.values()];
}
/** Alternatives of a regular expression, in pieces: nginx takes no parameter of more than 4 KB. */
function chunks(alternatives, limit) {
    const pieces = [];
    for (const each of alternatives) {
        const last = pieces.at(-1);
        if (last === undefined || last.length + each.length >= limit)
            pieces.push(each);
        else
            pieces[pieces.length - 1] = `${last}|${each}`;
    }
    return pieces;
}
/** `*` is any part of a name between slashes, `**` goes over slashes too. */
function patternRegex(pattern) {
    return pattern
        .split(/(\*\*|\*|\/)/)
        .map(each => each === '**' ? '.*' : each === '*' ? '[^/%]*' : each === '/' ? '(?:/|%2[Ff])' : escaped(each))
        .join('');
}
function escaped(text) {
    return text.replace(/[.+]/g, '\\$&');
}


/***/ }),

/***/ 2381:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

// ESM COMPAT FLAG
__webpack_require__.r(__webpack_exports__);

// EXPORTS
__webpack_require__.d(__webpack_exports__, {
  debug: () => (/* binding */ debug),
  mask: () => (/* binding */ mask),
  run: () => (/* binding */ step_run)
});

// EXTERNAL MODULE: ./node_modules/@actions/core/lib/core.js + 14 modules
var core = __webpack_require__(6421);
// EXTERNAL MODULE: ./build/inputs.js + 6 modules
var inputs = __webpack_require__(2498);
// EXTERNAL MODULE: external "node:path"
var external_node_path_ = __webpack_require__(6760);
// EXTERNAL MODULE: external "node:crypto"
var external_node_crypto_ = __webpack_require__(7598);
;// CONCATENATED MODULE: ./build/facts.js

/** What a server said of itself: the lines `berth:NAME=VALUE` of the facts script, and nothing that a login file added. */
class Facts {
    #values;
    #files;
    /** SHA-256 of the answer, in hex: by it the apply script knows whether anything has changed since. */
    checksum;
    constructor(lines) {
        this.#values = new Map(lines.map(split));
        this.#files = unpack(this.#values.get('files.seen') ?? '');
        this.checksum = (0,external_node_crypto_.createHash)('sha256')
            .update(lines.map(line => `${line}\n`).join(''))
            .digest('hex');
    }
    /** Reads what the facts script printed. Throws if its last line is missing, for then it did not run to its end. */
    static parse(output) {
        const lines = output.split('\n').filter(line => line.startsWith(prefix));
        if (lines.pop() !== end)
            throw new Error('the server’s answer was cut off; run the workflow again');
        return new Facts(lines);
    }
    static of(values) {
        return new Facts(Object.entries(values).map(([name, value]) => `${prefix}${name}=${value}`));
    }
    /** The value of a fact. Throws if the server did not tell it. */
    get(name) {
        const value = this.#values.get(name);
        if (value === undefined)
            throw new Error(`the server did not say “${name}”`);
        return value;
    }
    is(name) {
        return this.get(name) === 'yes';
    }
    /** A unit that a resource has named in `units`; all is `false` where there is no systemd. */
    unit(name) {
        const [load = '', active = '', file = ''] = (this.#values.get(`unit.${name}`) ?? '').split(' ');
        return {
            known: ['loaded', 'masked'].includes(load),
            active: ['active', 'reloading'].includes(active),
            enabled: ['enabled', 'enabled-runtime', 'static', 'alias', 'indirect', 'generated'].includes(file),
        };
    }
    /** A fact of `fact_file`, or `MODE OWNER CONTENT` with the content in base64; `undefined` if there is no such file. */
    file(name) {
        const value = this.get(name);
        if (value === 'absent')
            return undefined;
        const [mode = '', owner = '', last = ''] = value.split(' ');
        if (mode !== 'file')
            return { mode, owner, content: Buffer.from(last, 'base64').toString() };
        const seen = this.#files.get(last);
        if (!seen)
            throw new Error(changing);
        return { mode: seen.mode, owner: owner === '%u:%g' ? seen.ids : seen.names, content: seen.content };
    }
}
const prefix = 'berth:';
const end = 'berth:end';
function split(line) {
    const at = line.indexOf('=');
    return [line.slice(prefix.length, at), line.slice(at + 1)];
}
const changing = 'somebody changed the server’s files while Berth looked at them; is another workflow at work there? If not, run again';
/** Reads what `files` says, by path. Throws if a file has changed between its line and its content. */
function unpack(text) {
    const files = new Map();
    if (text === '')
        return files;
    const all = Buffer.from(text, 'base64');
    let at = all.indexOf('\n\n');
    const lines = all.toString('utf8', 0, at).split('\n');
    at += 2;
    for (const line of lines) {
        const [path = '', mode = '', names = '', ids = '', bytes] = line.split(' ');
        const content = all.toString('utf8', at, at + Number(bytes));
        files.set(path, { mode, names, ids, content });
        at += Number(bytes);
    }
    if (at !== all.length)
        throw new Error(changing);
    return files;
}

// EXTERNAL MODULE: external "node:dns"
var external_node_dns_ = __webpack_require__(610);
// EXTERNAL MODULE: external "node:http"
var external_node_http_ = __webpack_require__(7067);
// EXTERNAL MODULE: external "node:net"
var external_node_net_ = __webpack_require__(7030);
;// CONCATENATED MODULE: ./build/outside.js



/** Milliseconds until an address counts as silent, and for how long a wrong answer may still turn into the right one. */
const silence = 6_000;
const patience = 3_000;
/** Errors of a machine that has no way to IPv6 at all, as GitHub's hosted runners. */
const noRoute = ['ENETUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'];
const sight = { records, port: 80 };
/** The server as the certificate authority will see it: by its name, from outside, on port 80. */
class Outside {
    #domain;
    #sight;
    #addresses = [];
    constructor(domain, own = {}) {
        this.#domain = domain;
        this.#sight = { ...sight, ...own };
    }
    /**
     * Returns the addresses of the name. Throws a sentence if it leads nowhere, for then no order can succeed. `local` are the
     * server's own addresses.
     */
    async resolve(local) {
        const here = local.length > 0 ? `; this server has ${local.join(', ')}` : '';
        try {
            this.#addresses = await this.#sight.records(this.#domain);
        }
        catch (error) {
            throw new Error(`${unresolved(this.#domain, error)}${here}`);
        }
        for (const address of this.#addresses) {
            if (unreachable(address)) {
                throw new Error(`the ${kind(address)} record of ${this.#domain} is ${address}, which no certificate authority can reach; make it the server’s public address${here}`);
            }
        }
        this.#local = local;
        return this.#addresses;
    }
    #local = [];
    /**
     * Looks for the server's token on every address of the name. If it is there, asks for it under a second name, which is
     * what the server waits for; if not, returns a sentence that says what is there instead.
     */
    async confirm(token) {
        const path = `/.well-known/acme-challenge/berth-${token}`;
        const troubles = await Promise.all(this.#addresses.map(address => this.#look(address, path, token)));
        const trouble = troubles.filter(each => each !== undefined);
        if (trouble.length > 0)
            return trouble.join('\n');
        for (const address of this.#addresses) {
            const answer = await this.#get(address, `${path}-seen`).catch(() => undefined);
            if (answer !== undefined)
                return undefined;
        }
        return undefined;
    }
    async #look(address, path, token) {
        const record = `the ${kind(address)} record of ${this.#domain}, ${address},`;
        const own = this.#local.includes(address);
        const server = this.#local.length > 0 ? ` (this server has ${this.#local.join(', ')})` : '';
        const mend = own
            ? 'let everybody in to port 80 there, in the firewall of the server and of its provider'
            : `does it lead to this server${server}? If not, correct or remove the record; if so, let everybody in to port 80`;
        const until = Date.now() + patience;
        for (;;) {
            try {
                const { status, body } = await this.#get(address, path);
                if (status === 200 && body === token)
                    return undefined;
                if (Date.now() > until) {
                    return `${record} leads to a web server that answers ${status} instead of this server’s token; ${own ? 'does another site have the same name, or is something else in front of nginx?' : `point it to this server${server}`}`;
                }
            }
            catch (error) {
                const { code = '', message } = error;
                // The server's own IPv6 address is not translated by anything on the way, so that it is its own is all one can know.
                if ((0,external_node_net_.isIP)(address) === 6 && noRoute.includes(code) && own)
                    return undefined;
                if (Date.now() > until || code === 'ETIMEDOUT') {
                    return `${record} ${noRoute.includes(code) ? 'can’t be reached from this runner and is not an address of the server' : code === 'ECONNREFUSED' ? 'refuses connections on port 80' : code === 'ETIMEDOUT' ? 'does not answer on port 80' : `can’t be asked on port 80 (${code || message})`}; ${mend}`;
                }
            }
            await new Promise(resolve => setTimeout(resolve, 250));
        }
    }
    #get(address, path) {
        return new Promise((resolve, reject) => {
            const outgoing = (0,external_node_http_.request)({
                host: address,
                port: this.#sight.port,
                path,
                headers: { host: this.#domain },
                timeout: silence,
            });
            const timer = setTimeout(() => outgoing.destroy(timedOut()), silence);
            outgoing.on('close', () => clearTimeout(timer));
            outgoing.on('error', reject);
            outgoing.on('response', incoming => {
                let body = '';
                incoming.setEncoding('utf8');
                incoming.on('data', chunk => {
                    body += chunk;
                    if (body.length > 4096)
                        incoming.destroy();
                });
                incoming.on('error', reject);
                incoming.on('close', () => resolve({ status: incoming.statusCode ?? 0, body }));
            });
            outgoing.end();
        });
    }
}
/** From DNS alone: what this machine has in /etc/hosts, the authority will never see. */
async function records(name) {
    const resolver = new external_node_dns_.promises.Resolver({ timeout: 5_000, tries: 2 });
    const found = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    const addresses = found.flatMap(each => (each.status === 'fulfilled' ? each.value : []));
    const failed = found.find(each => each.status === 'rejected');
    // One family may be missing; that one could not be asked for must not pass for that.
    if (failed && (addresses.length === 0 || !/^(ENODATA|ENOTFOUND)$/.test(failed.reason.code)))
        throw failed.reason;
    return addresses;
}
function unresolved(domain, error) {
    const { code, message } = error;
    switch (code) {
        case 'ENOTFOUND':
            return `the name ${domain} does not exist in DNS; add an A record (and an AAAA record if the server has IPv6) that leads to the server`;
        case 'ENODATA':
            return `the name ${domain} has neither an A nor an AAAA record; add one that leads to the server`;
        default:
            return `DNS has no answer for ${domain} (${code ?? message}); check its name servers, for instance with \`dig +trace ${domain}\``;
    }
}
const nowhere = new external_node_net_.BlockList();
for (const [net, bits] of [
    ['0.0.0.0', 8],
    ['127.0.0.0', 8],
    ['169.254.0.0', 16],
]) {
    nowhere.addSubnet(net, bits, 'ipv4');
}
for (const [net, bits] of [
    ['::', 127],
    ['fe80::', 10],
])
    nowhere.addSubnet(net, bits, 'ipv6');
// Private addresses are not among them: a private authority may be in the same network.
function unreachable(address) {
    return nowhere.check(address, (0,external_node_net_.isIP)(address) === 6 ? 'ipv6' : 'ipv4');
}
function kind(address) {
    return (0,external_node_net_.isIP)(address) === 6 ? 'AAAA' : 'A';
}
function timedOut() {
    return Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' });
}

;// CONCATENATED MODULE: ./build/resource.js
/** The only change of most steps. */
function change(exists, summary) {
    return [{ action: exists ? 'update' : 'create', summary }];
}
/** How a text file differs from what is wanted, in content, mode or owner; `mode` is octal without a leading zero. */
function fileChanges(path, seen, after, mode, owner = 'root:root') {
    if (seen?.content !== after) {
        return [{ ...change(seen !== undefined, path)[0], file: { path, before: seen?.content ?? '', after } }];
    }
    if (seen.mode === mode && seen.owner === owner)
        return [];
    return change(true, `${path} from ${seen.mode} ${seen.owner} to ${mode} ${owner}`);
}

;// CONCATENATED MODULE: ./build/resources/authority.js
/**
 * What kept an authority from giving a certificate, in a sentence; `undefined` if certbot’s own words (`output`) have to
 * do. The patterns are those of certbot 1.12 to 5.5, Let’s Encrypt and Pebble.
 */
function explainOrder({ domain, acme }, output) {
    const host = new URL(acme.server).host;
    const says = (pattern) => pattern.test(output);
    if (says(/rateLimited|too many (certificates|new orders|failed|registrations|currently pending)|There were too many requests|<Response \[429\]>/i)) {
        const until = /retry after (\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?: ?UTC|Z)?)/i.exec(output)?.[1];
        return `${host} has given out too many certificates or seen too many tries for ${domain}, and takes the next one ${until ? `after ${until}` : 'in some hours, at the latest after a week'}; run again then, or try with \`acme-server: letsencrypt-staging\` until it works`;
    }
    if (says(/Another instance of Certbot is already running/)) {
        return 'another certbot has been at work on the server for 5 minutes; look at it with `pgrep -a certbot`, end it if it hangs, and run again';
    }
    if (says(/the runner did not give the word/)) {
        return `this runner has not said within 30 s whether it sees http://${domain}, so nothing was ordered; run again`;
    }
    if (says(/externalAccountRequired|external account binding|eab-kid/i)) {
        return acme.eab
            ? `${host} refuses \`acme-eab\`; get a new kid and hmac from it, for many can be used only once`
            : `${host} wants an account that is bound to one of yours; give \`acme-eab\` as kid:hmac`;
    }
    if (says(/:caa\b|CAA record/i)) {
        return `a CAA record forbids ${host} to give out certificates for ${domain}; add one that allows it, or choose another \`acme-server\``;
    }
    if (says(/rejectedIdentifier|Policy forbids|forbidden by policy/i)) {
        return `${host} gives out no certificate for ${domain}, by its policy; use another name or another \`acme-server\``;
    }
    if (says(/invalidContact|invalid email|contact email|unsupportedContact/i)) {
        return `${host} does not take ${acme.email ?? 'an account without an address'}; give another \`email\``;
    }
    if (says(/badNonce|invalid anti-replay nonce/i)) {
        return `${host} went on rejecting nonces; that is trouble at its end, so run again later`;
    }
    if (says(/NXDOMAIN|SERVFAIL|no valid A records|problem: DNS|Type: +dns/i)) {
        return `${host} can’t resolve ${domain}, though this runner can; a new record takes some time to be seen everywhere, so wait and run again, and see https://dnsviz.net/d/${domain} for DNSSEC errors`;
    }
    if (says(/Type: +connection|Timeout during connect|Fetching http|Error getting validation data/i)) {
        return `${host} can’t reach http://${domain} on port 80, though this runner can; let everybody in through the firewall, for the authority asks from several places`;
    }
    if (says(/Type: +unauthorized|Invalid response from http/i)) {
        return `${host} got another answer than this server’s from http://${domain}; does the name lead somewhere else in other parts of the world, or is a proxy in front?`;
    }
    if (says(/CERTIFICATE_VERIFY_FAILED|certificate verify failed/)) {
        return `the server does not trust ${host}, whose certificate is from a private authority; give that as \`ca\``;
    }
    if (says(/NameResolutionError|Name or service not known|Temporary failure in name resolution|No address associated/)) {
        return `the server can’t resolve ${host}; is \`acme-server\` right, and does DNS work on the server (\`getent hosts ${host.replace(/:\d+$/, '')}\`)?`;
    }
    if (says(/Connection refused|Connection reset|Network is unreachable|No route to host|ConnectTimeout|Read timed out|timed out|Max retries exceeded|RemoteDisconnected|Service Unavailable|Bad Gateway|serverInternal|<Response \[5\d\d\]>/i)) {
        return `${host} does not answer the server, or is out of order; see its status page, and run again in an hour`;
    }
    if (says(/<Response \[404\]>|Expecting value|JSONDecodeError/)) {
        return `${host} answers, but not as an ACME server does; is \`acme-server\` the URL of its directory?`;
    }
    if (says(/No space left on device/))
        return 'the server’s disk is full; make room on it and run again';
    return undefined;
}

// EXTERNAL MODULE: ./build/resources/door.js
var door = __webpack_require__(4908);
// EXTERNAL MODULE: ./build/script.js
var script = __webpack_require__(5381);
// EXTERNAL MODULE: ./node_modules/yaml/dist/index.js
var dist = __webpack_require__(8815);
;// CONCATENATED MODULE: ./build/resources/compose.js


/** The two files that the registry's container is made from, and the names that belong to it. */
/**
 * Who the registry is on the server: a number without a name, in which the files it reads and the images are its own.
 * systemd's table of UIDs leaves 65520…65533 to nobody, and distroless images use this one for the same.
 */
const account = '65532:65532';
/**
 * What a registry that goes wrong may take from the machine; far above what a busy one needs. Layers go through it in
 * pieces of 32 KiB, but a driver for object storage keeps pieces of 10 MiB for each upload.
 */
const limits = {
    /** Bytes, in Docker's units: beyond it the kernel kills the registry, and Docker starts it again. */
    memory: '1g',
    /** In Go's units: from here on it rather collects garbage than grows. */
    heap: '768MiB',
    /** Each file that a slow disk keeps waiting holds a thread; a registry without load has about ten. */
    threads: 2048,
    /** Memory too; no driver writes there, but a user's configuration may. */
    tmp: '64m',
};
/** Named after the domain, so that one server can hold several registries and `docker ps` tells whose it is. */
function container(domain) {
    return `berth-${domain.replaceAll('.', '-')}`;
}
/** The name of its network's bridge; the kernel allows 15 characters. */
function bridge(domain) {
    return `berth-${(0,external_node_crypto_.createHash)('sha256').update(domain).digest('hex').slice(0, 8)}`;
}
/** Whether images are kept on the server's disk, and not in an object storage that `registry-config` names. */
function onDisk({ registry }) {
    const { storage } = merge({ storage: { filesystem: {} } }, registry.config);
    return isMap(storage) && storage.filesystem !== undefined;
}
/** config.yml: what Berth needs, with the user's `registry-config` merged over it. */
function configYaml({ users, registry }) {
    return (0,dist/* stringify */.As)(merge({
        version: 0.1,
        log: { level: 'info', accesslog: { disabled: true } },
        storage: {
            filesystem: { rootdirectory: '/var/lib/registry' },
            cache: { blobdescriptor: 'inmemory' },
            delete: { enabled: true },
        },
        http: {
            addr: ':5000',
            // Uploads go on at a path, not at a URL that a proxy could have got wrong.
            relativeurls: true,
            headers: { 'X-Content-Type-Options': ['nosniff'] },
        },
        ...(users && { auth: { htpasswd: { realm: 'Registry', path: '/auth/htpasswd' } } }),
        health: { storagedriver: { enabled: true, interval: '10s', threshold: 3 } },
    }, registry.config), { lineWidth: 0 });
}
/** compose.yaml, in words that docker-compose 1.29 and compose 2 both read. */
function composeYaml(desired, config) {
    const { directory, domain, registry, users } = desired;
    const service = {
        image: registry.image,
        container_name: container(domain),
        user: account,
        // The path as the command works with the images of 2.8 and 3.x alike, wherever each has its own default.
        command: ['/etc/berth/config.yml'],
        restart: 'always',
        ports: [`127.0.0.1:${registry.port}:5000`],
        env_file: [`${directory}/secret.env`],
        environment: { OTEL_TRACES_EXPORTER: 'none', GOMEMLIMIT: limits.heap },
        volumes: [
            `${directory}/config.yml:/etc/berth/config.yml:ro`,
            ...(users ? [`${directory}/auth:/auth:ro`] : []),
            `${directory}/data:/var/lib/registry`,
        ],
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        read_only: true,
        tmpfs: [`/tmp:size=${limits.tmp}`],
        mem_limit: limits.memory,
        pids_limit: limits.threads,
        logging: { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '3' } },
        labels: { 'berth.config': fingerprint(desired, config) },
    };
    const networks = { default: { driver_opts: { 'com.docker.network.bridge.name': bridge(domain) } } };
    return `# Written by Berth, which undoes changes made here.\n${(0,dist/* stringify */.As)({ services: { registry: service }, networks }, { lineWidth: 0 })}`;
}
// compose makes the container anew when a label changes; so it does when the content of config.yml does.
function fingerprint({ directory, registry, users }, config) {
    return (0,external_node_crypto_.createHash)('sha256')
        .update(JSON.stringify([directory, registry.image, registry.port, users !== null, config]))
        .digest('hex')
        .slice(0, 16);
}
/** Maps are merged, key by key; anything else is replaced; `null` takes a key away. */
function merge(base, over) {
    const merged = { ...base };
    for (const [key, value] of Object.entries(over)) {
        const below = merged[key];
        if (value === null)
            delete merged[key];
        else
            merged[key] = isMap(below) && isMap(value) ? merge(below, value) : value;
    }
    return merged;
}
function isMap(value) {
    return typeof value === 'object' && value !== null && !Array.isArray(value);
}

;// CONCATENATED MODULE: ./build/resources/guard.js




/** A service that has nginx refuse uploads while the disk is nearly full, and keeps others from going round nginx. */
const guard = {
    name: 'guard',
    units: ({ domain }) => [`${unit(domain)}.service`],
    probe: ({ domain, directory }) => [['guard_probe', unit(domain), directory]],
    read: (facts, { domain }) => ({
        script: facts.file('guard.script'),
        unit: facts.file('guard.unit'),
        guarding: isGuarding(facts.unit(`${unit(domain)}.service`)),
        room: facts.get('guard.room'),
    }),
    warnings: (desired, { room }) => room === '' || !onDisk(desired)
        ? []
        : [
            `the disk is nearly full, ${room}; delete what is not needed or enlarge it, for uploads are refused when less than a tenth or 2 GiB is left, whichever is smaller`,
        ],
    plan(desired, seen) {
        const { domain, directory } = desired;
        const script = guardScript(desired);
        const service = serviceUnit(desired);
        const changes = [
            ...fileChanges(`${directory}/guard.sh`, seen.script, script, '644'),
            ...fileChanges(`${unit(domain)}.service`, seen.unit, service, '644'),
            ...(seen.unit && !seen.guarding ? change(true, `start ${unit(domain)}`) : []),
        ];
        if (changes.length === 0)
            return [];
        return [{ resource: 'guard', changes, call: ['guard_up', unit(domain), directory, script, service] }];
    },
    remove: ({ domain, directory }, seen) => seen.unit === undefined
        ? []
        : [
            {
                resource: 'guard',
                changes: [{ action: 'delete', summary: `${unit(domain)}.service` }],
                call: ['guard_down', unit(domain), directory, bridge(domain)],
            },
        ],
};
/** What belongs before the site's servers: where to look for the guard's word, for requests that take room. */
function guardMaps({ domain }) {
    const uploads = ['POST', 'PUT', 'PATCH'].map(method => `    ${method} ${flag(domain)};\n`).join('');
    return `map $request_method $${(0,door/* prefix */.Pl)(domain)}_full {
    default "";
${uploads}}
`;
}
/**
 * What belongs into the location that proxies. Docker shows a 403's words and does not try again, of a 507 it shows the
 * number only.
 */
function guardLocation({ domain }) {
    return `
        # The disk is nearly full, says berth-guard.
        open_file_cache off;
        if (-f $${(0,door/* prefix */.Pl)(domain)}_full) { return 403 '{"errors":[{"code":"DENIED","message":"no space left: the disk of this registry is nearly full, so nothing can be pushed until something is deleted"}]}'; }
`;
}
function isGuarding({ active, enabled }) {
    return active && enabled;
}
function unit(domain) {
    return `berth-guard-${domain}`;
}
function flag(domain) {
    return `/run/${unit(domain)}/full`;
}
function guardScript(desired) {
    const { domain, directory } = desired;
    const data = onDisk(desired) ? [`${directory}/data`] : [];
    const call = (0,script/* line */.n8)(['guard', flag(domain), container(domain), bridge(domain), ...data]);
    return `#!/bin/sh\n# Written by Berth, which undoes changes made here.\n${(0,script/* library */.Yv)('resources/guard')}\n${call}\n`;
}
/** It needs root to speak to Docker and to the firewall, and of root's powers no other. */
function serviceUnit({ domain, directory }) {
    return `# Written by Berth, which undoes changes made here.
[Unit]
Description=Guards the disk and the port of the registry ${domain}
After=docker.service
PartOf=docker.service

[Service]
ExecStart=/bin/sh ${directory}/guard.sh
Environment=LC_ALL=C
RuntimeDirectory=${unit(domain)}
Restart=always
RestartSec=5
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW CAP_DAC_READ_SEARCH
ProtectSystem=strict
ReadWritePaths=/run
PrivateTmp=yes

[Install]
WantedBy=multi-user.target docker.service
`;
}

;// CONCATENATED MODULE: ./build/resources/nginx.js


/** What differs between versions of nginx: the newest first, each from the version that brought it. */
const dialects = [
    { since: '1.25.1', http2: true, reject: true },
    { since: '1.19.4', http2: false, reject: true },
    { since: '0', http2: false, reject: false },
];
/** Is there while nginx is about to be reloaded. */
const draining = '/run/berth-draining';
function siteFile(domain) {
    return `berth-${domain}.conf`;
}
/** The user's own certificate, chain and key in one file. */
function ownFile(directory) {
    return `${directory}/tls.pem`;
}
/** What nginx and the clients get: the chain from the server's own certificate upwards. */
function chainFile({ domain, directory, certificate, }) {
    return certificate ? ownFile(directory) : `/etc/letsencrypt/live/${domain}/fullchain.pem`;
}
/** The one that a version of nginx understands. */
function dialect(version) {
    return dialects.find(({ since }) => rank(version) >= rank(since)) ?? dialects[2];
}
/** `1.25.1` is 1025001. To compare as a language collates would have Node load all of that first, for 20 ms. */
function rank(version) {
    const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
    return (major * 1000 + minor) * 1000 + patch;
}
/** Port 80: the authority's challenge, and the way to HTTPS. It is all there is before the first certificate. */
function challengeConf(domain, ipv6) {
    return `# Written by Berth, which undoes changes made here.
server {
    ${listen('80', ipv6)}
    server_name ${domain};
    server_tokens off;
    access_log /var/log/nginx/${domain}.access.log;
    error_log /var/log/nginx/${domain}.error.log;

    location /.well-known/acme-challenge/ { root /var/www/berth; }
    location / { return 301 https://$host$request_uri; }
}
`;
}
function listen(port, ipv6) {
    return [`listen ${port};`, ...(ipv6 ? [`listen [::]:${port};`] : [])].join('\n    ');
}
/** Both of Berth's servers, and one for strangers where no other site wants them. */
function siteConf(desired, dialect, { ipv6, others }) {
    const { domain, registry, directory, certificate } = desired;
    const id = (0,door/* prefix */.Pl)(domain);
    const chain = chainFile(desired);
    const key = certificate ? chain : `/etc/letsencrypt/live/${domain}/privkey.pem`;
    const tls = dialect.http2 ? `${listen('443 ssl', ipv6)}\n    http2 on;` : listen('443 ssl http2', ipv6);
    return `${challengeConf(domain, ipv6)}
${guardMaps(desired)}${(0,door/* doorMaps */.Yg)(desired)}server {
    ${tls}
    server_name ${domain};
    server_tokens off;
    access_log /var/log/nginx/${domain}.access.log;
    error_log /var/log/nginx/${domain}.error.log;

    ssl_certificate ${chain};
    ssl_certificate_key ${key};

${protocols}
    ssl_session_timeout 1d;
    ssl_session_cache shared:berth:10m;
    add_header Strict-Transport-Security "max-age=63072000" always;
    gzip off;

    # A reload closes connections that are idle, while a client may be about to use one again: HTTP/1.1 can't tell it in
    # time. So shortly before a reload none is kept. HTTP/2 has words of its own for that.
    set $${id}_connection "";
    if (-f ${draining}) { set $${id}_connection close; }
    if ($server_protocol = HTTP/2.0) { set $${id}_connection ""; }
    add_header Connection $${id}_connection always;

    # Layers are as large as they are, and go straight through: a proxy that first writes them to its own disk halves
    # the speed of an upload. In pieces of some size, for with the default of 4 to 64 KB the switching costs more than the work.
    client_max_body_size 0;
    client_body_buffer_size 1m;
    http2_body_preread_size 1m;
    http2_chunk_size 128k;
    chunked_transfer_encoding on;

    location / {
        proxy_pass http://127.0.0.1:${registry.port};
        proxy_http_version 1.1;
        proxy_request_buffering off;
        proxy_max_temp_file_size 0;
        proxy_buffer_size 256k;
        proxy_buffers 8 256k;
        proxy_busy_buffers_size 512k;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_connect_timeout 60s;
        proxy_send_timeout 900s;
        proxy_read_timeout 900s;
        client_body_timeout 900s;
        send_timeout 900s;
        default_type application/json;
${guardLocation(desired)}${(0,door/* doorLocation */.cw)(desired)}    }
${(0,door/* doorRefused */.d7)(desired)}}
${stranger(dialect, directory, others, ipv6)}`;
}
/**
 * Mozilla's intermediate configuration, version 6.0. It names no curves: OpenSSL 3.5's own list begins with the
 * post-quantum X25519MLKEM768, and an older OpenSSL would refuse a list that has it. Tickets would be encrypted with a key
 * that lives as long as nginx does.
 */
const protocols = `    # Mozilla's intermediate configuration, version 6.0.
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305;
    ssl_prefer_server_ciphers off;
    ssl_session_tickets off;`;
/** Who asks for a name that nobody knows gets no certificate, where no other site has claimed such visitors. */
function stranger({ http2, reject }, directory, others, ipv6) {
    const kind = http2 ? 'ssl' : 'ssl http2';
    const listens = [
        ...(others.includes('4') ? [] : [`listen 443 ${kind} default_server;`]),
        ...(others.includes('6') || !ipv6 ? [] : [`listen [::]:443 ${kind} default_server;`]),
    ];
    if (listens.length === 0)
        return '';
    const answer = reject
        ? `ssl_reject_handshake on;
    # A connection for our name may still ask for another.
    return 421;`
        : `ssl_certificate ${directory}/nobody.pem;
    ssl_certificate_key ${directory}/nobody.pem;
    return 444;`;
    return `
server {
    ${listens.join('\n    ')}
    server_name _;
    ${answer}

${protocols}
}
`;
}

;// CONCATENATED MODULE: ./build/resources/certificate.js




function readLineage(facts) {
    return {
        state: facts.get('certificate.lineage'),
        leaf: parse(facts.file('certificate.chain')?.content),
        conf: facts.file('certificate.conf'),
        contact: facts.file('certificate.contact'),
        own: facts.get('certificate.own'),
        served: parse(Buffer.from(facts.get('certificate.served'), 'base64')),
        ipv6: facts.is('certificate.ipv6'),
        addresses: facts.get('certificate.addresses').split(' ').filter(Boolean),
        clock: facts.get('certificate.clock'),
    };
}
/** That there is a certificate which nginx can load. That it is the right one, and stays so, is up to `renewal`. */
const certificate = {
    name: 'certificate',
    probe: ({ domain, directory }) => [
        ['certificate_probe', domain, directory, String(Math.floor(Date.now() / 1000))],
    ],
    read: readLineage,
    obstacles: (_, { clock }) => clock === 'right'
        ? []
        : [
            `the server’s clock shows ${clock}, more than a day off, and no certificate would be valid there; set it, for instance with \`timedatectl set-ntp true\`, and run again`,
        ],
    plan(desired, seen) {
        const { domain, directory, certificate } = desired;
        const step = { resource: 'certificate' };
        if (certificate) {
            const content = certificate.chain + certificate.key;
            const wanted = `600 root:root ${(0,external_node_crypto_.createHash)('sha256').update(content).digest('hex')}`;
            const exists = seen.own !== 'absent';
            return seen.own === wanted
                ? []
                : [
                    {
                        ...step,
                        changes: change(exists, `${exists ? 'replace' : 'store'} your own certificate for ${domain}`),
                        call: ['certificate_bring', domain, directory, content, siteFile(domain)],
                    },
                ];
        }
        if (seen.state === 'whole' && seen.leaf)
            return [];
        return seen.leaf
            ? [
                {
                    ...step,
                    changes: change(true, 'restore the live folder from certbot’s archive'),
                    call: ['certificate_restore', domain, seen.state],
                },
            ]
            : [
                {
                    ...step,
                    changes: change(false, `order for ${domain}`),
                    call: order(desired, seen),
                    // Both take seconds. If the registry does not start, the certificate is there for the run that mends it.
                    beside: 'registry',
                },
            ];
    },
    explain: explainOrder,
};
/** The call that orders a certificate, by any of the functions that take these arguments. */
function order({ domain, acme }, { ipv6 }, name = 'certificate_order') {
    return [
        name,
        domain,
        acme.server,
        acme.email ?? '',
        acme.ca ?? '',
        acme.eab?.kid ?? '',
        acme.eab?.hmac ?? '',
        challengeConf(domain, ipv6),
        siteFile(domain),
    ];
}
/** Whether a step asks an authority for a certificate. */
function isOrder({ call: [name] }) {
    return name === 'certificate_order' || name === 'renewal_order';
}
/** In the last `days` of its life, or in the last third if it does not live that long. */
function due(leaf, days, now) {
    const from = leaf.validFromDate.getTime();
    const to = leaf.validToDate.getTime();
    return to - now < Math.min(days * 24 * 60 * 60 * 1000, (to - from) / 3);
}
/** From PEM or DER. */
function parse(text) {
    try {
        return text === undefined ? undefined : new external_node_crypto_.X509Certificate(text);
    }
    catch {
        return undefined;
    }
}

;// CONCATENATED MODULE: ./build/resources/packages.js
const programs = ['docker', 'compose', 'nginx', 'certbot'];
/** The programs that Berth stands on: Docker, compose, nginx and certbot. */
const packages_packages = {
    name: 'packages',
    probe: () => [['packages_probe']],
    read: facts => ({
        missing: programs.filter(program => !facts.is(`packages.${program}`)),
        halves: facts.get('packages.halves').split(' ').filter(Boolean),
        apt: facts.is('packages.apt-get'),
    }),
    obstacles({ install }, { missing, apt }) {
        if (missing.length === 0 || (install && apt))
            return [];
        const list = missing.join(', ');
        return install
            ? [
                `the server lacks ${list} and has no apt-get to install them with; install them by hand and run again`,
            ]
            : [`the server lacks ${list}; install them, or let Berth do it with \`install: true\``];
    },
    plan: (_, { missing, halves }) => missing.length === 0 && halves.length === 0
        ? []
        : [
            {
                resource: 'packages',
                changes: [
                    ...missing.map(program => ({ action: 'create', summary: `install ${program}` })),
                    ...halves.map(name => ({ action: 'update', summary: `finish installing ${name}` })),
                ],
                call: ['packages_install', ...missing],
            },
        ],
    explain(_, output) {
        const removed = /The following packages will be REMOVED:\n((?: .*\n)+)/.exec(output)?.[1];
        if (removed !== undefined && /remove is disabled/.test(output))
            return `that would remove ${removed.trim().split(/\s+/).join(', ')}, which is not Berth’s; remove it or install what is missing by hand, and run again`;
        const locked = /locked by (another process|\S+ process with)|Could not get lock /.test(output);
        return locked
            ? `another package manager${holder(output)} has been at work on the server for five minutes; wait until it has ended, and run again`
            : undefined;
    },
};
/** Who has the lock, as dpkg and apt say it: newer ones tell the program too. */
function holder(output) {
    const [, program, pid] = /locked by (?:another process|(\S+) process) with pid (\d+)/.exec(output) ?? [];
    const [, id = pid, name = program] = /held by process (\d+) \((\S+)\)/.exec(output) ?? [];
    return id === undefined ? '' : ` (${name === undefined ? '' : `${name}, `}process ${id})`;
}

;// CONCATENATED MODULE: ./build/resources/registry.js


const dockerUnit = 'docker.service';
/** The registry's container, the two files it is made from, and its data. */
const registry = {
    name: 'registry',
    units: () => [dockerUnit],
    probe: ({ domain, directory, registry }) => [
        ['registry_probe', directory, container(domain), `${registry.port}`],
    ],
    read(facts) {
        const [status = '', restart = '', label = ''] = facts.get('registry.container').split(' ');
        return {
            compose: facts.file('registry.compose'),
            config: facts.file('registry.config'),
            secret: facts.is('registry.secret'),
            settled: facts.is('registry.settled'),
            data: facts.get('registry.data'),
            enabled: facts.unit(dockerUnit).enabled,
            container: { status, restart, label },
            holder: facts.get('registry.holder'),
            predecessor: facts.is('registry.predecessor'),
        };
    },
    obstacles({ registry, adopt }, { holder, predecessor }) {
        if (holder === '' || (adopt && predecessor))
            return [];
        return [
            predecessor
                ? `${holder} is a registry that somebody set up by hand, on port ${registry.port}; take it over with its images and users by \`adopt: true\`, or leave it alone with another \`registry-port\``
                : `port ${registry.port} is taken by ${holder}; give another \`registry-port\``,
        ];
    },
    plan(desired, seen) {
        const { directory, domain, registry } = desired;
        const config = configYaml(desired);
        const compose = composeYaml(desired, config);
        const texts = [
            {
                path: `${directory}/compose.yaml`,
                seen: seen.compose,
                after: compose,
                mode: '644',
                owner: 'root:root',
            },
            { path: `${directory}/config.yml`, seen: seen.config, after: config, mode: '600', owner: account },
        ];
        const files = texts.flatMap(({ path, seen, after, mode, owner }) => fileChanges(path, seen, after, mode, owner));
        const changes = [...files, ...containerChanges(desired, seen, config)];
        if (changes.length === 0)
            return [];
        const made = [directory, container(domain), account, registry.image, compose, config];
        return [
            {
                resource: 'registry',
                changes,
                call: seen.predecessor
                    ? ['registry_adopt', ...made, seen.holder.replace('container ', '')]
                    : ['registry_up', ...made],
            },
        ];
    },
    explain(_, output) {
        const engine = /^Docker does not start: (.*)$/m.exec(output)?.[1];
        if (engine !== undefined)
            return `Docker does not start on the server (${engine}); mend that until \`systemctl start docker\` succeeds there, and run again`;
        // What compose and Docker said before that only hides it.
        return /^the registry (is back as it was|did not come back|does not start)\b.*/ms
            .exec(output)?.[0]
            .trimEnd()
            .replaceAll('\n', '\n  ');
    },
    remove({ directory, domain, purge }, { container: { status }, compose, data }) {
        const steps = [];
        if (status !== 'absent' || compose !== undefined) {
            steps.push({
                resource: 'registry',
                changes: [{ action: 'delete', summary: `container ${container(domain)}` }],
                call: ['registry_down', directory, container(domain)],
            });
        }
        if (purge && data !== 'absent') {
            steps.push({
                resource: 'registry',
                changes: [{ action: 'delete', summary: `${directory}, with every image and user` }],
                call: ['registry_purge', directory],
            });
        }
        return steps;
    },
};
function containerChanges(desired, seen, config) {
    const { registry } = desired;
    const { status, restart, label } = seen.container;
    if (seen.predecessor) {
        return [{ action: 'update', summary: `take over ${seen.holder} with its images; it stays, stopped` }];
    }
    if (status === 'absent') {
        return [{ action: 'create', summary: `start ${registry.image} on port ${registry.port}` }];
    }
    const reasons = [
        status !== 'running' && `it is ${status}`,
        label !== fingerprint(desired, config) && 'its files have changed',
        restart !== 'always' && 'it would not restart by itself',
        !seen.settled && 'its last change was cut off',
        !seen.secret && 'its secret is gone',
        seen.data !== account && 'its images belong to another account',
        !seen.enabled && 'Docker does not start with the machine',
    ].filter(reason => typeof reason === 'string');
    return reasons.length === 0
        ? []
        : [{ action: 'update', summary: `restart ${registry.image}, for ${reasons.join(', ')}` }];
}

;// CONCATENATED MODULE: ./build/resources/settings.js
const needed = ['cert', 'privkey', 'chain', 'fullchain', 'server', 'account', 'authenticator'];
/** What keeps a certificate that was set up by hand from being renewed beside a running nginx, or at all. */
const obstructive = /^(installer|pre_hook|post_hook|autorenew|standalone_\w+|http01_\w+|nginx_\w+|apache_\w+)\s*=/;
/**
 * certbot’s settings for a certificate, made to renew it through Berth’s site; unchanged if they do already, `undefined`
 * if something is missing that only an order can bring.
 */
function renewable(content, domain) {
    const lines = content.split('\n');
    const has = (line) => lines.some(each => (typeof line === 'string' ? each.trim() === line : line.test(each)));
    if (!needed.every(name => has(new RegExp(`^${name} = .`))))
        return undefined;
    if (has('authenticator = webroot') && has(`${domain} = ${webroot}`) && !has(obstructive))
        return content;
    const map = lines.findIndex(line => line.trim() === '[[webroot_map]]');
    const kept = (map < 0 ? lines : lines.slice(0, map)).filter(line => !obstructive.test(line) && !/^(authenticator|webroot_path)\s*=/.test(line) && line !== '');
    return [
        ...kept,
        'authenticator = webroot',
        `webroot_path = ${webroot},`,
        '[[webroot_map]]',
        `${domain} = ${webroot}`,
        '',
    ].join('\n');
}
const webroot = '/var/www/berth';
/** A setting of certbot’s file, such as `server`. */
function setting(file, name) {
    return new RegExp(`^${name} = (.*)$`, 'm').exec(file?.content ?? '')?.[1];
}

;// CONCATENATED MODULE: ./build/resources/timer.js


function readTimer(facts) {
    const unit = units.find(each => facts.unit(`${each}.timer`).known) ?? ownUnit;
    const { active, enabled } = facts.unit(`${unit}.timer`);
    return {
        hook: facts.file('renewal.hook'),
        ca: facts.file('renewal.ca'),
        care: facts.file(`renewal.care.${unit}`),
        trust: facts.file(`renewal.trust.${unit}`),
        timer: active && enabled,
    };
}
/** Berth’s own, where certbot came without a timer (pip). */
const ownUnit = 'berth-renewal';
/** The one that certbot came with, from a package or a snap, comes first. As `renewal_unit` has them. */
const units = ['certbot', 'snap.certbot.renew', ownUnit];
const timerUnits = units.map(unit => `${unit}.timer`);
/** The steps to a server that renews by itself. */
function timerSteps({ domain, acme }, seen) {
    const steps = [];
    const add = (call, ...changes) => steps.push({ resource: 'renewal', changes, call });
    if (seen.hook?.content !== hook || seen.hook.mode !== '755') {
        add(['renewal_hook', hook], ...change(seen.hook !== undefined, 'reload nginx when a certificate is renewed'));
    }
    if (seen.care?.content !== care) {
        add(['renewal_care', care], ...change(seen.care !== undefined, 'look at what is served after each round'));
    }
    if (acme.ca !== undefined && (seen.ca?.content !== acme.ca || seen.trust?.content !== trust)) {
        add(['renewal_trust', domain, acme.ca, trust], ...change(seen.ca !== undefined, 'trust the private certificate authority'));
    }
    if (acme.ca === undefined && seen.ca !== undefined) {
        add(['renewal_distrust', domain], {
            action: 'delete',
            summary: 'trust in the private certificate authority',
        });
    }
    if (!seen.timer) {
        add(['renewal_timer', service, timer], ...change(false, 'a timer that renews the certificate'));
    }
    return steps;
}
// certbot runs it after a renewal and then never again: were nginx’s configuration broken just then (by another site), the
// old certificate would be served until it expires. So it asks what is served, and is run after each round of the timer too.
const hook = (0,script/* library */.Yv)('resources/hook');
// ExecStopPost runs after a failed round too.
const care = `# Written by Berth: what nginx did not take at a renewal, it takes now.
[Service]
ExecStopPost=/etc/letsencrypt/renewal-hooks/deploy/berth
`;
// The system’s authorities come with it, as they are at that time: the service renews the other certificates of the server too.
const trust = `# Written by Berth: the authorities of \`ca\`, besides the system's own.
[Service]
ExecStartPre=/bin/sh -c 'cat /etc/ssl/certs/ca-certificates.crt /etc/letsencrypt/berth/authorities/*.pem >/run/berth-authorities.pem'
Environment=REQUESTS_CA_BUNDLE=/run/berth-authorities.pem
`;
// As Debian has it for a certbot that comes with a timer; the timer has a random delay already.
const service = `# Written by Berth, for certbot came without a timer.
[Unit]
Description=Renew certificates with certbot
[Service]
Type=oneshot
ExecStart=/usr/bin/env certbot --quiet renew --no-random-sleep-on-renew
`;
const timer = `# Written by Berth, for certbot came without a timer.
[Unit]
Description=Renew certificates with certbot, twice a day
[Timer]
OnCalendar=*-*-* 00,12:00:00
RandomizedDelaySec=43200
Persistent=true
[Install]
WantedBy=timers.target
`;

;// CONCATENATED MODULE: ./build/resources/renewal.js







/** The certificate is the right one, is served, and the server renews it by itself. */
const renewal = {
    name: 'renewal',
    units: () => timerUnits,
    probe: ({ domain }) => [['renewal_probe', domain]],
    read: facts => ({ ...readTimer(facts), lineage: readLineage(facts) }),
    plan(desired, seen) {
        const { domain, directory, certificate } = desired;
        if (certificate) {
            const leaf = new external_node_crypto_.X509Certificate(certificate.chain);
            return serve(domain, ownFile(directory), leaf.fingerprint256, seen.lineage);
        }
        return [...timerSteps(desired, seen), ...current(desired, seen.lineage)];
    },
    explain: explainOrder,
    remove: ({ domain }, seen) => seen.hook === undefined
        ? []
        : [
            {
                resource: 'renewal',
                changes: [{ action: 'delete', summary: 'the hook that reloads nginx' }],
                call: ['renewal_unhook', siteFile(domain)],
            },
        ],
};
/** The steps to the right certificate. None while there is no certificate at all, which is `certificate`’s to mend. */
function current(desired, lineage) {
    const { domain, acme, renewBefore } = desired;
    const { leaf, conf } = lineage;
    if (!leaf)
        return [];
    const step = { resource: 'renewal' };
    const now = Date.now();
    const server = setting(conf, 'server');
    const settings = conf === undefined ? undefined : renewable(conf.content, domain);
    const reason = settings === undefined
        ? 'order anew, for certbot has lost the settings to renew it with'
        : server !== acme.server
            ? `order from ${acme.server}, for it came from ${server}`
            : !leaf.checkHost(domain)
                ? `order anew, for it does not cover ${domain}`
                : leaf.validToDate.getTime() < now
                    ? `order anew, for it expired on ${leaf.validToDate.toISOString()}`
                    : undefined;
    if (reason !== undefined)
        return [{ ...step, changes: change(true, reason), call: order(desired, lineage) }];
    const steps = [];
    if (settings !== undefined && settings !== conf?.content) {
        steps.push({
            ...step,
            changes: change(true, 'renew through nginx’s port 80, without stopping it'),
            call: ['renewal_conf', domain, settings],
        });
    }
    const contact = `${acme.server} ${acme.email}\n`;
    if (acme.email !== undefined && lineage.contact?.content !== contact) {
        steps.push({
            ...step,
            changes: change(true, `tell the authority your address, ${acme.email}`),
            call: ['certificate_contact', domain, acme.server, acme.email, acme.ca ?? ''],
        });
    }
    if (due(leaf, renewBefore, now)) {
        const until = leaf.validToDate.toISOString();
        steps.push({
            ...step,
            changes: change(true, `renew, for it is valid until ${until} only`),
            call: order(desired, lineage, 'renewal_order'),
        });
    }
    else {
        steps.push(...serve(domain, chainFile(desired), leaf.fingerprint256, lineage));
    }
    return steps;
}
/** certbot says that it has renewed, also when nginx never took the new certificate. */
function serve(domain, file, wanted, { served }) {
    return wanted === undefined || served === undefined || served.fingerprint256 === wanted
        ? []
        : [
            {
                resource: 'renewal',
                changes: change(true, 'reload nginx, which serves another certificate than the one on disk'),
                call: ['certificate_serve', domain, siteFile(domain), file],
            },
        ];
}

;// CONCATENATED MODULE: ./build/resources/site.js


const nginxUnit = 'nginx.service';
/** Berth's own nginx site. */
const site = {
    name: 'site',
    units: () => [nginxUnit],
    probe: ({ domain, directory }) => [['site_probe', siteFile(domain), domain, ownFile(directory)]],
    read(facts) {
        const [rival = '', ...others] = facts.get('site.rival').split(' ');
        return {
            nginx: facts.get('site.nginx'),
            ipv6: facts.is('site.ipv6'),
            file: facts.file('site.file'),
            enabled: facts.is('site.enabled'),
            loaded: facts.is('site.loaded'),
            running: facts.unit(nginxUnit).active,
            boot: facts.unit(nginxUnit).enabled,
            rival,
            shared: others.length > 0,
            others: facts.get('site.others'),
            own: facts.is('site.own'),
            holders: [80, 443].map(port => ({ port, holder: facts.get(`site.port${port}`) })),
        };
    },
    obstacles({ domain, adopt }, { holders, rival, shared }) {
        const taken = holders
            .filter(({ holder }) => holder !== '' && holder !== 'program nginx')
            .map(({ port, holder }) => `port ${port} is taken by ${holder}, and nginx needs it; stop it or move it to another port`);
        if (rival === '' || (adopt && !shared))
            return taken;
        return [
            ...taken,
            shared
                ? `${rival} serves ${domain} together with other names; move ${domain} out of it`
                : `${rival} serves ${domain} already; replace it by \`adopt: true\`, or take it away`,
        ];
    },
    check: ({ domain }) => ['site_check', siteFile(domain), domain],
    plan(desired, seen) {
        // Before nginx is there, nobody knows which one it will be: the server gets them all and takes what fits.
        const known = seen.nginx === '' ? undefined : dialect(seen.nginx);
        const wanted = (known ? [known] : dialects).map(each => [each.since, siteConf(desired, each, seen)]);
        const file = siteFile(desired.domain);
        const reasons = [
            !seen.enabled && 'enable it',
            !seen.loaded && 'reload nginx, which has not taken it yet',
            !seen.running && 'start nginx',
            !seen.boot && 'let nginx start with the machine',
        ].filter(reason => typeof reason === 'string');
        const changes = [
            ...fileChanges(file, seen.file, wanted[0]?.[1] ?? '', '644'),
            ...(seen.file && reasons.length > 0 ? change(true, `${file}: ${reasons.join(', ')}`) : []),
        ];
        const steps = [];
        if (changes.length > 0) {
            steps.push({ resource: 'site', changes, call: ['site_write', file, ...wanted.flat()] });
        }
        if (seen.rival !== '') {
            steps.push({
                resource: 'site',
                changes: [
                    { action: 'delete', summary: `${seen.rival}, which is kept in ${desired.directory}/before-berth` },
                ],
                call: ['site_retire', seen.rival, desired.directory],
            });
        }
        // Only now does no site need it any more.
        if (seen.own && !desired.certificate) {
            steps.push({
                resource: 'site',
                changes: [{ action: 'delete', summary: 'your own certificate and its key' }],
                call: ['site_forget', ownFile(desired.directory)],
            });
        }
        return steps;
    },
    remove: ({ domain }, { file }) => file === undefined
        ? []
        : [
            {
                resource: 'site',
                changes: [{ action: 'delete', summary: siteFile(domain) }],
                call: ['site_remove', siteFile(domain)],
            },
        ],
};

// EXTERNAL MODULE: ./node_modules/bcryptjs/index.js
var bcryptjs = __webpack_require__(6242);
// EXTERNAL MODULE: ./build/desired.js
var desired = __webpack_require__(350);
;// CONCATENATED MODULE: ./build/resources/users.js




/** Who may log in. What the `users` input says is the whole truth. */
const users = {
    name: 'users',
    probe: ({ adopt, directory, registry }) => [
        ['users_probe', directory, ...(adopt ? [`${registry.port}`] : [])],
    ],
    read: facts => facts.file('users.htpasswd') ?? facts.file('users.adopted'),
    plan({ directory, users, sealKey }, seen) {
        if (users === null) {
            return seen === undefined
                ? []
                : [
                    {
                        resource: 'users',
                        changes: [{ action: 'delete', summary: 'everybody: the registry becomes open' }],
                        call: ['users_remove', directory],
                    },
                ];
        }
        const { content, changes, kept, gone } = htpasswd(users, seen?.content ?? '', sealKey);
        if (changes.length === 0 && content !== seen?.content) {
            changes.push({ action: 'update', summary: 'write htpasswd anew, with the same users' });
        }
        if (changes.length === 0 && (seen?.mode !== '600' || seen.owner !== account)) {
            changes.push({ action: 'update', summary: 'make htpasswd readable by root and the registry only' });
        }
        if (changes.length === 0)
            return [];
        return [
            {
                resource: 'users',
                changes,
                call: ['users_write', directory, account, content, ...gone],
                ...(kept.length > 0 && { keeps: `keep ${names(kept)}` }),
            },
        ];
    },
};
/**
 * The file that lets exactly these users in, in their order. A line that is still right is kept byte for byte, so that
 * whoever did not change is not disturbed. It is known to be right by its seal, or else by checking the password.
 */
function htpasswd(users, current, sealKey) {
    const entries = users_parse(current);
    const isSealed = (user, { line, seals }) => sealKey !== undefined && seals.includes(seal(sealKey, user, line));
    const result = { content: '', changes: [], kept: [], gone: [] };
    for (const user of users) {
        const { name, password } = user;
        const entry = entries.get(name);
        entries.delete(name);
        const same = entry !== undefined && (isSealed(user, entry) || verifies(password, entry.line.slice(name.length + 1)));
        let line = entry?.line ?? '';
        if (same)
            result.kept.push(name);
        else {
            line = `${name}:${(0,bcryptjs/* hashSync */.Y8)(password, cost(password))}`;
            if (entry !== undefined && opens(entry.line))
                result.gone.push(entry.line);
            result.changes.push(entry === undefined
                ? { action: 'create', summary: `add ${name}`, subject: name }
                : { action: 'update', summary: `new password for ${name}`, subject: name });
        }
        result.content += `${sealed(user, line, line === entry?.line ? entry.seals : [], sealKey)}${line}\n`;
    }
    for (const [name, { line }] of entries) {
        // A damaged file may hold anything, and most of that is nobody.
        if (!/^[^#:\0\uFFFD]+:/.test(line))
            continue;
        const subject = printable(name);
        result.changes.push({ action: 'delete', summary: `revoke ${subject}`, subject });
        if (opens(line))
            result.gone.push(line);
    }
    return result;
}
/** Entries by name. As for the registry, the last line of a name counts. */
function users_parse(content) {
    const entries = new Map();
    let seals = [];
    for (const line of content.split('\n')) {
        const comment = /^# sealed((?: [\w-]{43})+)$/.exec(line)?.[1];
        if (comment === undefined && line !== '')
            entries.set(line.split(':', 1)[0] ?? '', { line, seals });
        seals = comment?.trim().split(' ') ?? [];
    }
    return entries;
}
/**
 * A seal says that a line was made for this password: bcrypt is slow by design, and to ask it about a thousand users
 * who did not change would take seconds in every run.
 *
 * It is an HMAC-SHA256 over name, password and line, and SHA-256 is fast: with the key, one could guess passwords far
 * faster than bcrypt allows. But the key comes from the SSH private key, which has some 256 bits of chance and is never
 * on the server. Without it a seal is indistinguishable from random bytes, so whoever steals the file has only the
 * bcrypt hashes to try guesses on.
 */
function seal(key, { name, password }, line) {
    return (0,external_node_crypto_.createHmac)('sha256', key)
        .update(JSON.stringify([name, password, line]))
        .digest('base64url');
}
/** Workflows with SSH keys of their own may share a server; each finds its seal as long as there are no more of them. */
const maxSeals = 4;
/** The comment before a line, for the registry skips those. */
function sealed(user, line, seals, key) {
    const own = key && seal(key, user, line);
    const all = own === undefined || seals.includes(own) ? seals : [own, ...seals].slice(0, maxSeals);
    return all.length === 0 ? '' : `# sealed ${all.join(' ')}\n`;
}
// The registry takes bcrypt only; anything else in a file that was edited by hand lets nobody in.
function verifies(password, found) {
    return /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/.test(found) && (0,bcryptjs/* compareSync */.Dm)(password, found);
}
/** Whether the registry might let somebody in by a line. */
function opens(line) {
    return /^[^:\0]+:\$2[^\0]*$/.test(line);
}
/**
 * The registry checks the hash on every request, so its cost is paid hundreds of times in a push: some 1.3 ms of a core at
 * cost 4, the least that bcrypt has, and twice that with each step up, so 80 ms at cost 10. A strong password can't be
 * guessed at any cost; another one needs all the help that it can get. For a name that it does not know the registry
 * checks a hash of cost 5, so by the time of an answer one can find out which names there are: those are no secret.
 */
function cost(password) {
    return (0,desired/* isStrong */.k)(password) ? 4 : 10;
}
/** Users who have a password that they did not have before these steps. */
function freshUsers(users, steps) {
    const subjects = new Set(steps
        .filter(({ resource }) => resource === 'users')
        .flatMap(({ changes }) => changes.map(({ subject }) => subject)));
    return users.filter(({ name }) => subjects.has(name));
}
/** More names than this are told by their number. */
const maxNames = 50;
/** A list for the reader of a log. */
function names(all) {
    const rest = all.length - maxNames;
    return all.slice(0, maxNames).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}
// A name that a person wrote into the file may hold anything, terminal escapes too.
function printable(name) {
    return name.replace(/[^\w.@+-]/g, '?');
}

;// CONCATENATED MODULE: ./build/plan.js








/** All that Berth owns on a server, each after what it stands on. */
const resources = [packages_packages, users, registry, certificate, site, renewal, guard];
const libraries = [...resources.map(({ name }) => `resources/${name}`), 'resources/order'];
/** The read-only script whose answer `Facts.parse` reads. */
function factsScript(desired) {
    return (0,script/* compose */.Zz)(['facts', ...libraries], [...probes(desired), 'echo berth:end']);
}
/**
 * Which steps lead from what the server is to what it should be; throws, naming all that is in the way. `only` names the
 * resources that are to be looked after: all of them unless told.
 */
function plan(desired, facts, only) {
    const seen = resources
        .filter(({ name }) => only?.includes(name) ?? true)
        .map(resource => ({ resource, seen: resource.read(facts, desired) }));
    const obstacles = seen.flatMap(({ resource, seen }) => resource.obstacles?.(desired, seen) ?? []);
    if (obstacles.length > 0)
        throw new Error(obstacles.join('\n'));
    return seen.flatMap(({ resource, seen }) => resource.plan(desired, seen));
}
/** What is right for now and won't stay so, a sentence each. */
function warnings(desired, facts) {
    return resources.flatMap(resource => resource.warnings?.(desired, resource.read(facts, desired)) ?? []);
}
/** Which steps take the registry away: the last that was built goes first. */
function removal(desired, facts) {
    return resources
        .toReversed()
        .flatMap(resource => resource.remove?.(desired, resource.read(facts, desired)) ?? []);
}
/** What a failed step means, in a sentence; `undefined` if its resource doesn't know better than the programs. */
function explain(desired, { resource }, output) {
    return resources.find(({ name }) => name === resource)?.explain?.(desired, output);
}
/** Seconds that a run waits for another one on the same server. */
const plan_patience = 900;
/** The script that takes the steps, if the facts still hold once it has the server for itself. */
function applyScript(desired, facts, steps) {
    const checks = resources.flatMap(resource => (resource.check ? [resource.check(desired)] : []));
    return (0,script/* compose */.Zz)(['facts', 'apply', ...libraries], [
        'look() {',
        ...probes(desired),
        '}',
        `DISKS=${(0,script/* quote */.hD)(['/', '/etc', '/etc/letsencrypt', '/run', '/var', '/var/lib/docker', desired.directory].join(' '))}`,
        `lock ${plan_patience}`,
        `still ${facts.checksum} look`,
        ...checks.map(call => (0,script/* line */.n8)(['step', '0', ...call])),
        ...steps.map(({ resource, call }, index) => {
            const waits = steps[index + 1]?.beside !== resource;
            return (0,script/* line */.n8)([waits ? 'step' : 'begin', `${index + 1}`, ...call]);
        }),
        'tell end ok',
    ]);
}
/** All at once, for most of their time is spent on starting programs: each passes on what those before it have said. */
function probes(desired) {
    const units = resources.flatMap(resource => resource.units?.(desired) ?? []);
    const calls = [
        ['units_probe', ...units],
        ...resources.flatMap(resource => resource.probe(desired)),
    ].map(script/* line */.n8);
    const chain = calls.map((call, index) => (index === 0 ? call : `{ ${call} </dev/null; cat; }`));
    return [[...chain, 'files'].join(' |\n')];
}

;// CONCATENATED MODULE: ./build/converge.js




/** Looks at the server and says which steps are missing. */
async function look(server, desired, plan) {
    const facts = Facts.parse(await server.run(factsScript(desired)));
    return { facts, steps: plan(desired, facts) };
}
/** Throws if a step would ask an authority for a certificate and the name leads nowhere: before anything is touched. */
async function foresee(outside, facts, steps) {
    if (steps.some(isOrder))
        await outside.resolve(readLineage(facts).addresses);
}
/** How often a run looks anew because another one changed the server in between. */
const attempts = 3;
/** Makes the server what it should be, and returns the steps that it took: none if it was already. */
async function converge(server, desired, plan, listener) {
    const outside = new Outside(desired.domain);
    for (let attempt = 1; attempt <= attempts; attempt++) {
        const { facts, steps } = await look(server, desired, plan);
        listener.looked?.(facts);
        if (attempt === 1)
            warnings(desired, facts).forEach(listener.warned);
        listener.planned(steps, false);
        if (steps.length === 0)
            return steps;
        await foresee(outside, facts, steps);
        const progress = new Progress(desired, steps, listener, outside);
        const output = await server.run(applyScript(desired, facts, steps), line => progress.hear(line));
        if (progress.stale) {
            listener.said('another run has changed the server meanwhile; looking again');
            continue;
        }
        if (!output.includes('\nberth:end='))
            throw new Error(await progress.failure());
        return progress.taken;
    }
    throw new Error('the server keeps changing while Berth looks at it; is another workflow at work there?');
}
/** Lines of a failed program that are worth showing. */
const lastLines = 5;
/** Reads what the apply script prints: markers `berth:NAME=VALUE`, and between them what the programs say. */
class Progress {
    #desired;
    #steps;
    #listener;
    #outside;
    /** Since when each step that has begun is at work. */
    #running = new Map();
    /** What has failed, with what its programs said; steps that ran at the same time may both have. */
    #failed = [];
    #said = { words: [] };
    #failure;
    #undone = false;
    /** What was seen from outside, if the server asked; a sentence if it was not right. */
    #outsideTrouble = Promise.resolve(undefined);
    #unreachable;
    taken = [];
    stale = false;
    constructor(desired, steps, listener, outside) {
        this.#desired = desired;
        this.#steps = steps;
        this.#listener = listener;
        this.#outside = outside;
    }
    hear(line) {
        const [, name = '', value = ''] = /^berth:(\w+)(?:=(.*))?$/.exec(line) ?? [];
        const step = this.#steps[Number(value) - 1];
        switch (name) {
            case 'start':
                if (step)
                    this.#running.set(step, performance.now());
                this.#said = { words: [] };
                break;
            case 'ok':
                if (step)
                    this.#finish(step);
                this.#said = { words: [] };
                this.#undone = false;
                break;
            case 'failed':
                if (!step)
                    break;
                this.#failed.push({ step, said: this.#said });
                this.#said = { words: [] };
                break;
            case 'undone':
                this.#undone = true;
                break;
            case 'token':
                this.#outsideTrouble = this.#outside.confirm(value).then(trouble => {
                    this.#unreachable = trouble;
                    return trouble;
                });
                break;
            case 'full':
                if (value !== '')
                    this.#said.full = `the server’s disk is full: ${value}. Delete what is not needed, or enlarge the disk, and run again`;
                break;
            case 'say':
                this.#listener.said(value);
                break;
            case 'busy':
                this.#failure = `another run of Berth has been at work on this server for ${value} s; wait for it and run again`;
                break;
            case 'stale':
                this.stale = true;
                break;
            case '':
                if (line.trim() !== '') {
                    this.#said.words.push(line.trimEnd());
                    this.#listener.debug(line);
                }
        }
    }
    #finish(step) {
        const since = this.#running.get(step) ?? performance.now();
        this.#running.delete(step);
        if (this.#undone) {
            const reason = this.#reason(step, this.#said) ?? this.#said.words.at(-1) ?? 'nothing was said';
            this.#listener.warned(`${step.resource} (${summaries(step)}) was not possible: ${reason}`);
            return;
        }
        this.taken.push(step);
        this.#listener.done(step, performance.now() - since);
    }
    #reason(step, { words, full }) {
        const unreachable = isOrder(step) ? this.#unreachable : undefined;
        return full ?? unreachable ?? explain(this.#desired, step, words.join('\n'));
    }
    async failure() {
        await this.#outsideTrouble;
        if (this.#failure !== undefined)
            return this.#failure;
        const cutOff = [...this.#running.keys()].map(step => ({ step, said: this.#said }));
        const failed = this.#failed.length > 0 ? this.#failed : cutOff.slice(0, 1);
        if (failed.length > 0)
            return failed.map(each => this.#sentence(each)).join('\n');
        return this.taken.length > 0
            ? `the connection was cut off after ${this.taken.length} of ${this.#steps.length} steps; run the workflow again`
            : `the server refused, and nothing was changed${last(this.#said)}`;
    }
    #sentence({ step, said }) {
        const reason = this.#reason(step, said);
        return `${step.resource} (${summaries(step)}) failed${reason === undefined ? last(said) : `: ${reason}`}`;
    }
}
function last({ words }) {
    const lines = words.slice(-lastLines).map(line => `\n  ${line}`);
    return lines.length === 0
        ? ': the connection was cut off; run the workflow again'
        : `; the server said:${lines.join('')}`;
}
function summaries({ changes }) {
    return changes.map(({ summary }) => summary).join(', ');
}

// EXTERNAL MODULE: external "node:os"
var external_node_os_ = __webpack_require__(8161);
// EXTERNAL MODULE: external "node:child_process"
var external_node_child_process_ = __webpack_require__(1421);
// EXTERNAL MODULE: external "node:stream"
var external_node_stream_ = __webpack_require__(7075);
;// CONCATENATED MODULE: ./build/program.js

/**
 * Runs a program without a shell. An exit code is a result; only a program that is not there, or `cancelled`, rejects.
 */
function run(program, args, { input = '', cancelled, onLine, } = {}) {
    return new Promise((resolve, reject) => {
        const child = (0,external_node_child_process_.spawn)(program, args, { env: environment(), signal: cancelled });
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
function lastLine(text) {
    return text.trim().split('\n').at(-1) || 'it said nothing';
}

;// CONCATENATED MODULE: ./build/docker/dial.js




/**
 * Connections to the runner’s Docker engine, each used again when its request has ended. `docker system dial-stdio`, which
 * Docker itself uses over SSH, leads to it by the user’s own context, TLS and socket; but it is a process that takes as
 * long to start as the engine needs for ten answers.
 */
class Dial extends external_node_http_.Agent {
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
        const child = (0,external_node_child_process_.spawn)('docker', ['system', 'dial-stdio'], { env: environment() });
        const connection = external_node_stream_.Duplex.from({ readable: child.stdout, writable: child.stdin });
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
                resolve(dial_unreachable(code, words));
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
        return (await this.#ends.get(connection)) ?? dial_unreachable(undefined, '');
    }
    // What waits for another request keeps nobody from ending.
    keepSocketAlive(connection) {
        connection.unref();
        return true;
    }
}
function dial_unreachable(code, words) {
    if (code === 'ENOENT')
        return 'this runner has no Docker; install it, or push an archive (`image: oci-archive:app.tar`)';
    if (/permission denied/i.test(words))
        return 'this runner’s user may not use Docker; add it to the group docker, or set DOCKER_HOST to an engine of its own';
    return `this runner’s Docker does not answer; start it (\`sudo systemctl start docker\`), or look at DOCKER_HOST and the context: ${lastLine(words)}`;
}

;// CONCATENATED MODULE: ./build/docker.js





/** Milliseconds for taking back a tag, after which a cancelled job would be killed anyhow. */
const docker_patience = 10_000;
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
            const signal = AbortSignal.timeout(docker_patience);
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
            const outgoing = (0,external_node_http_.request)({
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
    const own = (0,external_node_path_.join)(process.env.XDG_CONFIG_HOME ?? (0,external_node_path_.join)((0,external_node_os_.homedir)(), '.config'), 'docker');
    return `${rootless ? own : '/etc/docker'}/certs.d/${domain}/${id}.crt`;
}
/** Makes the engine trust a private authority for one registry; it reads the folder at each connection. */
async function docker_trust(file, ca) {
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

// EXTERNAL MODULE: external "node:https"
var external_node_https_ = __webpack_require__(4708);
// EXTERNAL MODULE: external "node:tls"
var external_node_tls_ = __webpack_require__(1692);
// EXTERNAL MODULE: external "node:timers/promises"
var promises_ = __webpack_require__(8500);
;// CONCATENATED MODULE: ./build/retry.js

/** A failure that may be gone in a moment: a restart, a lost connection, too many requests. */
class Transient extends Error {
}
/** Seconds before each new try: doubled, and each by chance between half and all of it, so that many don’t come back at once. */
const delays = [1, 2, 4, 8, 16];
/** Milliseconds after which nothing is tried again: Docker’s engine has tried for a minute when it gives up. */
const retry_patience = 120_000;
/** Tries again what fails as `Transient`; `retrying` hears why, once for each new try. */
async function retry(work, retrying, cancelled) {
    const started = performance.now();
    for (const [index, delay] of delays.entries()) {
        try {
            return await work();
        }
        catch (error) {
            if (!(error instanceof Transient) || performance.now() - started > retry_patience)
                throw error;
            const seconds = delay * (0.5 + Math.random() / 2);
            retrying(`${error.message}; try ${index + 2} of ${delays.length + 1} in ${seconds.toFixed(1)} s`);
            await (0,promises_.setTimeout)(seconds * 1000, undefined, { signal: cancelled });
        }
    }
    return work();
}

;// CONCATENATED MODULE: ./build/endpoint.js



/** Milliseconds after which an answer is not coming. */
const timeout = 30_000;
/** Milliseconds in which a new password must have begun to work. */
const endpoint_patience = 10_000;
/** The registry’s name as its clients see it: HTTPS from this machine, the certificate, and who is let in. */
class Endpoint {
    #domain;
    #address;
    #port;
    #agent;
    /** What each connection showed when it was made: later, when it is used again or was closed, Node does not tell. */
    #shown = new WeakMap();
    /** Once all was well, a connection that fails is likely to come back. */
    #verified = false;
    /**
     * `ca` is a PEM bundle that is trusted besides the public authorities. `address` is the one to ask, where it is not all
     * the same which of the name’s.
     */
    constructor(domain, ca, { address = domain, port = 443 } = {}) {
        this.#domain = domain;
        this.#address = address;
        this.#port = port;
        // A resumed session shows no certificate.
        this.#agent = new external_node_https_.Agent({
            keepAlive: true,
            maxSockets: 4,
            maxCachedSessions: 0,
            ...(ca && { ca: [...external_node_tls_.rootCertificates, ca] }),
        });
    }
    /**
     * Looks at the registry as a client does: a certificate that this machine trusts, nobody let in without credentials, and
     * the user let in with them (or everybody, if there are no users). Throws a sentence if anything is amiss.
     */
    async verify(user) {
        const anonymous = await this.ask('GET', '/v2/');
        if (isPassing(anonymous))
            throw this.refused(anonymous, 'v2/');
        if (user === undefined && anonymous.status !== 200) {
            throw new Error(`${this.#domain} should be open to everybody, and answers ${anonymous.status}`);
        }
        if (user !== undefined) {
            const challenge = anonymous.headers['www-authenticate'] ?? '';
            if (anonymous.status !== 401 || !/^Basic /i.test(String(challenge))) {
                throw new Error(`${this.#domain} should ask for credentials, and answers ${anonymous.status}; is it this server that the name leads to?`);
            }
            const known = await this.ask('GET', '/v2/', user);
            if (known.status !== 200)
                throw isPassing(known)
                    ? this.refused(known, 'v2/')
                    : new Error(`${this.#domain} does not let \`${user.name}\` in (${known.status}); is the password in \`users\` the one that it was set up with?`);
        }
        if (anonymous.certificate === undefined)
            throw new Error(`${this.#domain} shows no certificate`);
        this.#verified = true;
        return anonymous.certificate;
    }
    /** The certificate that is shown: for this name, within its dates, and with a chain up to an authority that is trusted here. */
    async certificate() {
        const { certificate } = await this.ask('GET', '/v2/');
        if (certificate === undefined)
            throw new Error(`${this.#domain} shows no certificate`);
        return certificate;
    }
    /** Logs in as each user; throws a sentence that names who is not let in. */
    async admit(users) {
        const [first, ...others] = users;
        // nginx goes on with its old rules for a moment after it was told of new ones.
        if (first)
            await this.#admit(first, performance.now() + endpoint_patience);
        await Promise.all(others.map(user => this.#admit(user, performance.now() + endpoint_patience)));
    }
    async #admit(user, deadline) {
        for (;;) {
            const { status } = await this.ask('GET', '/v2/', user);
            if (status === 200)
                return;
            if (performance.now() > deadline)
                throw new Error(`${this.#domain} answers ${status} to \`${user.name}\` with the new password; does its registry read the htpasswd file in Berth’s directory?`);
            await new Promise(resolve => setTimeout(resolve, 200));
        }
    }
    close() {
        this.#agent.destroy();
    }
    /** Throws a sentence that says why, if the name does not answer with a certificate that can be trusted. */
    ask(method, path, user, headers = {}, body) {
        return new Promise((resolve, reject) => {
            const outgoing = (0,external_node_https_.request)({
                host: this.#address,
                servername: this.#domain,
                port: this.#port,
                path,
                method,
                agent: this.#agent,
                timeout,
                headers: {
                    host: this.#domain,
                    ...headers,
                    ...(body && { 'content-length': String(body.length) }),
                },
                ...(user && { auth: `${user.name}:${user.password}` }),
            });
            outgoing.on('timeout', () => outgoing.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })));
            outgoing.on('error', (error) => {
                // nginx closes idle connections when it is reloaded; what was asked on one just then was never heard.
                if (outgoing.reusedSocket && error.code === 'ECONNRESET' && body === undefined) {
                    resolve(this.ask(method, path, user, headers));
                }
                else {
                    reject(this.#failure(error));
                }
            });
            let connection;
            outgoing.on('socket', socket => {
                connection = socket;
                if (this.#shown.has(socket))
                    return;
                socket.once('secureConnect', () => {
                    const certificate = socket.getPeerX509Certificate();
                    if (certificate)
                        this.#shown.set(socket, certificate);
                });
            });
            outgoing.on('response', incoming => {
                const chunks = [];
                incoming.on('data', chunk => chunks.push(chunk));
                incoming.on('error', error => reject(this.#failure(error)));
                incoming.on('end', () => resolve({
                    status: incoming.statusCode ?? 0,
                    headers: incoming.headers,
                    body: Buffer.concat(chunks).toString(),
                    certificate: connection && this.#shown.get(connection),
                }));
            });
            outgoing.end(body);
        });
    }
    /** What to throw for an answer that is no use; `what` is what was asked for, without the registry’s name. */
    refused(answer, what) {
        const words = answer.body.replace(/\s+/g, ' ').trim().slice(0, 200);
        const message = `${this.#domain}/${what} is answered with ${answer.status}${words === '' ? '' : `: ${words}`}`;
        return isPassing(answer) ? new Transient(message) : new Error(message);
    }
    #failure(error) {
        const message = this.#explain(error);
        // Who resets a connection is there.
        return this.#verified || error.code === 'ECONNRESET' ? new Transient(message) : new Error(message);
    }
    #explain({ code, message, cert }) {
        const name = this.#domain;
        switch (code) {
            case 'ENOTFOUND':
            case 'EAI_AGAIN':
                return `the name ${name} does not resolve; add its DNS record`;
            case 'ECONNREFUSED':
                return `nothing listens on port 443 at ${name}; does the name lead to this server?`;
            case 'ETIMEDOUT':
            case 'EHOSTUNREACH':
            case 'ENETUNREACH':
                return `${name} does not answer on port 443; does the server’s firewall let HTTPS in?`;
            case 'ECONNRESET':
                return `${name} closes connections to port 443 without an answer; is a proxy or firewall in between?`;
            case 'ERR_SSL_WRONG_VERSION_NUMBER':
            case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
                return `${name} does not speak HTTPS on port 443; does the name lead to this server?`;
            case 'CERT_NOT_YET_VALID':
                return `the certificate that ${name} shows is not valid yet; are the clocks of server and runner right?`;
            case 'CERT_HAS_EXPIRED':
                return `the certificate that ${name} shows has expired; run mode \`up\` or \`renew\``;
            case 'ERR_TLS_CERT_ALTNAME_INVALID':
                return `the certificate that ${name} shows is for other names${cert?.subjectaltname ? ` (${alternatives(cert.subjectaltname)})` : ''}; does the name lead to this server?`;
            case 'SELF_SIGNED_CERT_IN_CHAIN':
            case 'DEPTH_ZERO_SELF_SIGNED_CERT':
            case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
            case 'UNABLE_TO_GET_ISSUER_CERT':
            case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
                return `the certificate that ${name} shows is not from an authority that this runner trusts; give a private one as \`ca\``;
            default:
                // OpenSSL's alert has no code of its own here.
                if (/unrecognized name/.test(message))
                    return `the server that ${name} leads to does not know this name on port 443; does the name lead to the right one, and is the registry set up there?`;
                return `${name} can’t be asked over HTTPS: ${message}`;
        }
    }
}
function isPassing({ status }) {
    return status >= 500 || status === 429;
}
/** The names of a certificate: `DNS:a.example, DNS:b.example` as a few words. */
function alternatives(names) {
    const all = names.replaceAll('DNS:', '').split(', ');
    return all.length > 3 ? `${all.slice(0, 3).join(', ')}, …` : all.join(', ');
}

;// CONCATENATED MODULE: ./build/github.js
/** Milliseconds after which GitHub counts as out of order. */
const github_patience = 60_000;
/** GitHub’s API, and the parameters that every route below `/repos` wants. */
async function connect({ name, api, token }) {
    const { getOctokit } = await __webpack_require__.e(/* import() */ 413).then(__webpack_require__.bind(__webpack_require__, 2413));
    const octokit = getOctokit(token, { baseUrl: api, request: { signal: AbortSignal.timeout(github_patience) } });
    const [owner = '', repo = ''] = name.split('/');
    return { octokit, repository: { owner, repo } };
}
/** Pages that are looked through, of a hundred entries each. */
const depth = 10;
/** The first entry of a list that `is` the one looked for. */
async function findEntry(pages, is) {
    let page = 0;
    for await (const { data } of pages) {
        const found = data.find(is);
        page += 1;
        if (found || page === depth)
            return found;
    }
    return undefined;
}
/** Whether GitHub has this text already; it may give it back with other line ends. */
function isSame(there, text) {
    return there?.replaceAll('\r', '').trimEnd() === text.trimEnd();
}

// EXTERNAL MODULE: ./node_modules/diff/libesm/patch/create.js + 2 modules
var create = __webpack_require__(7291);
;// CONCATENATED MODULE: ./build/report/diff.js

/** A unified diff of a text file, with whatever looks like a credential taken out of both sides. */
function diff({ path, before, after }) {
    const [was, is] = [redact(before), redact(after)];
    if (was === is)
        return `  ${path}: only values that are not shown differ`;
    return (0,create/* createTwoFilesPatch */.ss)(before === '' ? '/dev/null' : path, path, was, is, undefined, undefined, {
        context: 3,
        headerOptions: { includeIndex: false, includeUnderline: false, includeFileHeaders: true },
    })
        .trimEnd()
        .replace(/^/gm, '  ');
}
const sensitive = /^(\s*(?:- )?["']?[\w.-]*(?:secret|(?<!ht)passw|passphrase|token|credential|authorization|(?:private|access|account|api)[_-]?key|dsn)[\w.-]*["']?\s*[:=])(.*)$/i;
/**
 * What a person wrote into a file, or what it held before a rotation, is masked by nobody. So the value of each key that
 * may be a credential is replaced, with the lines that belong to it, and so is the password in a URL.
 */
function redact(text) {
    let hidden = Number.POSITIVE_INFINITY;
    return text
        .split('\n')
        .flatMap(line => {
        const indent = line.search(/\S/);
        const item = indent === hidden && line.trimStart().startsWith('- ');
        if (indent > hidden || item || (indent < 0 && hidden < Number.POSITIVE_INFINITY))
            return [];
        hidden = Number.POSITIVE_INFINITY;
        const [, key] = sensitive.exec(line) ?? [];
        if (key === undefined)
            return [line.replace(/(\/\/[^\s/:@]*:)[^\s/@]+@/g, '$1[redacted]@')];
        hidden = indent;
        return [`${key} [redacted]`];
    })
        .join('\n');
}

;// CONCATENATED MODULE: ./build/units.js
/** `1 change`, `2 changes`. */
function count(number, noun) {
    return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
/** Milliseconds in the unit that a person would choose. */
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

;// CONCATENATED MODULE: ./build/report.js

const symbols = { create: '+', update: '~', delete: '-' };
function planLine(resource, { action, summary }) {
    return `${symbols[action]} ${resource}: ${summary}`;
}
/** The `plan` output. */
function planJson(steps) {
    return JSON.stringify(steps.flatMap(({ resource, changes }) => changes.map(({ action, summary }) => ({ resource, action, summary }))));
}
/** The pushed references by digest, for a deploy step. */
function references({ domain, pushed }) {
    return pushed.map(({ repository, digest }) => `${domain}/${repository}@${digest}`);
}
/** The last line of the log. `milliseconds` is what the run took. */
function closing({ domain, steps, applied, looked, certificate, pushed }, now, milliseconds) {
    const changes = steps.flatMap(({ changes }) => changes).length;
    const parts = [
        ...(looked === false
            ? []
            : [changes === 0 ? 'nothing changed' : `${count(changes, 'change')} ${applied ? 'made' : 'to make'}`]),
        ...(certificate
            ? [`certificate valid for ${count(daysUntil(certificate.validToDate, now), 'day')}`]
            : []),
        ...(pushed.length > 0 ? [`${count(pushed.length, 'image')} pushed`] : []),
        duration(milliseconds),
    ];
    return `${domain}: ${parts.join(', ')}`;
}

;// CONCATENATED MODULE: ./build/github/comment.js



/** Characters of the plan: GitHub takes 65,536 in one comment, the mark and the note among them. */
const room = 65_536 - 1_000;
/** Characters that the list of changes may have of them; the rest is for the differences of files. */
const roomForList = 20_000;
/**
 * One comment on a pull request says what `up` would do to the server of `domain`. It is known by an invisible mark at its
 * beginning: whoever quotes it has not written another. Returns what was done, or `undefined` if it says so already.
 */
async function keepComment(to, pull, domain, text) {
    const { octokit, repository } = await connect(to);
    const mark = `<!-- berth plan ${domain} -->`;
    const body = `${mark}\n${text}`;
    const comments = octokit.paginate.iterator('GET /repos/{owner}/{repo}/issues/{issue_number}/comments', {
        ...repository,
        ...{ issue_number: pull, per_page: 100 },
    });
    const comment = await findEntry(comments, each => !!each.body?.startsWith(mark));
    if (!comment) {
        await octokit.request('POST /repos/{owner}/{repo}/issues/{issue_number}/comments', {
            ...repository,
            ...{ issue_number: pull, body },
        });
        return `wrote the plan into a comment on pull request #${pull}`;
    }
    if (isSame(comment.body, body))
        return undefined;
    await octokit.request('PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}', {
        ...repository,
        ...{ comment_id: comment.id, body },
    });
    return `updated the comment on pull request #${pull}`;
}
/** The plan in Markdown: every change, and a diff of each text file, folded; what is too long is left to the log. */
function planComment(domain, steps) {
    if (steps.length === 0)
        return `${title(domain)}There is nothing to do: the server is as it should be.\n`;
    const lines = steps.flatMap(({ resource, changes, keeps }) => [
        ...changes.map(change => planLine(resource, change)),
        ...(keeps ? [`= ${resource}: ${keeps}`] : []),
    ]);
    const list = shortened(lines, roomForList);
    const details = steps
        .flatMap(({ changes }) => changes)
        .flatMap(({ file }) => file ? [folded(file.path, fenced(diff(file).replace(/^ {2}/gm, ''), 'diff'))] : []);
    let text = `${title(domain)}Mode \`up\` would change this:\n\n${fenced(list.join('\n'), 'diff')}`;
    let missing = lines.length - list.length;
    const note = 'Not all of it has room here; the whole plan is in the log of the step.\n';
    for (const each of details) {
        if (text.length + each.length <= room)
            text += each;
        else
            missing += 1;
    }
    return missing > 0 ? `${text}\n${note}` : text;
}
/** That there is no plan, in the place of an older one that may not be true any more. */
function failureComment(domain, failure) {
    return `${title(domain)}There is no plan:\n\n${fenced(failure.slice(0, roomForList))}`;
}
function title(domain) {
    return `## ⚓ ${domain}\n\n`;
}
/** As many of the lines as there is room for. */
function shortened(lines, characters) {
    let left = characters;
    return lines.filter(line => {
        left -= line.length + 1;
        return left >= 0;
    });
}
// The text may hold a fence itself, which must not end this one.
function fenced(text, language = '') {
    const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
    const fence = '`'.repeat(longest + 1);
    return `${fence}${language}\n${text}\n${fence}\n`;
}
function folded(heading, text) {
    return `\n<details><summary><code>${heading}</code></summary>\n\n${text}\n</details>\n`;
}

;// CONCATENATED MODULE: ./build/publish/image.js
/** Looks at an image in the registry; `undefined` if that can’t be told, which is no reason to fail. */
async function portray(registry, repository, digest) {
    try {
        const manifest = await registry.manifest(repository, digest);
        if (!manifest)
            return undefined;
        const children = await Promise.all(manifest.manifests.map(({ digest }) => registry.manifest(repository, digest)));
        const blobs = [manifest, ...children].flatMap(each => each?.blobs ?? []);
        const sizes = new Map(blobs.map(({ digest, size }) => [digest, size]));
        const platforms = children.length > 0 ? ofIndex(manifest) : [await ofImage(registry, repository, manifest)];
        return {
            bytes: [...sizes.values()].reduce((sum, size) => sum + size, 0),
            platforms: [...new Set(platforms.map(image_name).filter(each => each !== undefined))],
        };
    }
    catch {
        return undefined;
    }
}
function ofIndex({ body }) {
    const { manifests } = JSON.parse(body);
    return manifests.map(({ platform }) => platform ?? {});
}
async function ofImage(registry, repository, { config }) {
    return config === undefined ? {} : JSON.parse(await registry.config(repository, config));
}
// Signatures and attestations say that they are for `unknown/unknown`.
function image_name({ os, architecture, variant }) {
    if (!os || !architecture || os === 'unknown')
        return undefined;
    return [os, architecture, ...(variant ? [variant] : [])].join('/');
}

;// CONCATENATED MODULE: ./build/publish/registry-api.js

/**
 * Bytes of a trial upload: more than the mebibyte that nginx lets through where nobody has set `client_max_body_size`.
 */
const trial = (1 << 20) + 1;
/**
 * What one user may ask of a registry, in the words of the OCI Distribution Specification. All methods throw a sentence, as
 * `Transient` if the same question may be answered in a moment.
 */
class RegistryApi {
    #endpoint;
    #user;
    constructor(endpoint, user) {
        this.#endpoint = endpoint;
        this.#user = user;
    }
    /** What a tag or digest leads to; `undefined` if it is not there. */
    async manifest(repository, reference) {
        const answer = await this.#ask('GET', manifestPath(repository, reference), { accept: manifestTypes });
        if (answer.status === 404)
            return undefined;
        if (answer.status !== 200)
            throw this.#endpoint.refused(answer, `${repository}:${reference}`);
        const digest = `sha256:${(0,external_node_crypto_.createHash)('sha256').update(answer.body).digest('hex')}`;
        return { digest, type: String(answer.headers['content-type']), body: answer.body, ...read(answer.body) };
    }
    /** The configuration of an image, in JSON. */
    async config(repository, digest) {
        const answer = await this.#ask('GET', `/v2/${repository}/blobs/${digest}`);
        if (answer.status !== 200)
            throw this.#endpoint.refused(answer, `${repository}@${digest}`);
        return answer.body;
    }
    /** Gives a manifest that the registry has another tag. */
    async tag(repository, tag, { type, body }) {
        const path = manifestPath(repository, tag);
        const answer = await this.#ask('PUT', path, { 'content-type': type }, Buffer.from(body));
        if (answer.status !== 201)
            throw this.#endpoint.refused(answer, `${repository}:${tag}`);
    }
    /** Digests of manifests and blobs, on every platform of an image, that the registry should have and has not. */
    async missing(repository, manifest) {
        const children = await Promise.all(manifest.manifests.map(async ({ digest }) => {
            const child = await this.manifest(repository, digest);
            return child ? this.missing(repository, child) : [digest];
        }));
        const blobs = await Promise.all(manifest.blobs.map(async ({ digest, size }) => {
            const answer = await this.#ask('HEAD', `/v2/${repository}/blobs/${digest}`);
            if (answer.status !== 200 && answer.status !== 404)
                throw this.#endpoint.refused(answer, `${repository}@${digest}`);
            return answer.status === 404 || Number(answer.headers['content-length']) !== size ? [digest] : [];
        }));
        return [...new Set([...children, ...blobs].flat())];
    }
    /**
     * Uploads a little and takes it back, for Docker does not repeat what a registry says about its own failure, such as that
     * its disk is full. Returns the status and words of that, or `''` if the upload works.
     */
    async complaint(repository) {
        const started = await this.#ask('POST', `/v2/${repository}/blobs/uploads/`, {}, Buffer.alloc(0));
        if (started.status !== 202)
            return `${started.status} ${started.body}`;
        const type = { 'content-type': 'application/octet-stream' };
        const sent = await this.#ask('PATCH', upload(started), type, (0,external_node_crypto_.randomBytes)(trial));
        await this.#ask('DELETE', upload(sent.status === 202 ? sent : started)).catch(() => { });
        return sent.status === 202 ? '' : `${sent.status} ${sent.body}`;
    }
    #ask(method, path, headers = {}, body) {
        return this.#endpoint.ask(method, path, this.#user, headers, body);
    }
}
const manifestPath = (repository, reference) => `/v2/${repository}/manifests/${reference}`;
/** Where an upload goes on, which a registry may say with or without its own name. */
function upload({ headers }) {
    const { pathname, search } = new URL(String(headers.location), 'https://registry');
    return pathname + search;
}
/** A registry that was cut off may have half a manifest; a push puts that right. */
function read(body) {
    let manifest = {};
    try {
        manifest = JSON.parse(body);
    }
    catch { }
    const { config, layers = [], manifests = [] } = manifest;
    // Layers that say where else they are, such as those of Windows, are not the registry’s to have.
    const own = layers.filter(({ urls = [] }) => urls.length === 0);
    return { config: config?.digest, manifests, blobs: config ? [config, ...own] : own };
}
/** All that a tag may be; a registry answers 404 for a type that was not asked for. */
const manifestTypes = [
    'application/vnd.oci.image.index.v1+json',
    'application/vnd.docker.distribution.manifest.list.v2+json',
    'application/vnd.oci.image.manifest.v1+json',
    'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

;// CONCATENATED MODULE: ./build/publish/rejection.js

/** The server has no room for what is pushed. */
class DiskFull extends Error {
}
/** Something between here and the registry limits the size of an upload. */
class TooLarge extends Error {
}
/** What a client or the registry said, as an error whose message is a sentence with the next action. */
function rejection(words, { domain, repository, user, client }) {
    const there = `${domain}/${repository}`;
    const quoted = words.replace(/\s+/g, ' ').slice(0, 300);
    if (/no space left|"?Err"?:\s*28\b/i.test(words))
        return new DiskFull(`the server’s disk is full, ${there} can’t be pushed`);
    if (/\b413\b|entity too large/i.test(words)) {
        return new TooLarge(`a proxy in front of ${domain} refuses an upload of this size for ${there} (413); raise its limit (\`client_max_body_size 0\` in nginx), or let the name lead straight to the server`);
    }
    if (/denied|unauthorized|authentication required|no basic auth|forbidden|\b40[13]\b/i.test(words)) {
        return new Error(`\`${user ?? 'anonymous'}\` may not push to ${there}; allow it in \`access\`, or choose another \`push-user\` (${quoted})`);
    }
    if (/x509|certificate/i.test(words)) {
        return new Error(`this runner’s ${client} does not trust the certificate that ${domain} shows; does the name lead to this server from the runner? A private authority is given as \`ca\` (${quoted})`);
    }
    if (/no such host|server misbehaving/i.test(words))
        return new Error(`this runner’s ${client} can’t resolve ${domain}; look at its DNS settings (${quoted})`);
    if (isTransient(words))
        return new Transient(`${there} could not be pushed: ${quoted}`);
    return new Error(`${client} can’t push ${there}: ${quoted}`);
}
function isTransient(words) {
    return /\b(5\d\d|429)\b|too ?many ?requests|connection (reset|refused)|broken pipe|\bEOF\b|time(d )?out|deadline exceeded|closed network|blob upload (unknown|invalid)|unknown blob|service unavailable|bad gateway|hang up|ECONNRESET|ECONNREFUSED|ETIMEDOUT|EPIPE/i.test(words);
}

// EXTERNAL MODULE: external "node:fs"
var external_node_fs_ = __webpack_require__(3024);
// EXTERNAL MODULE: external "node:fs/promises"
var external_node_fs_promises_ = __webpack_require__(1455);
;// CONCATENATED MODULE: ./build/publish/skopeo.js




/** Copies archives and layouts to the registry: whole indexes, byte by byte, which Docker can’t. */
class Skopeo {
    #folder;
    #ca;
    #cancelled;
    /** What skopeo has to read is written below `folder`, which must be readable by nobody else. */
    constructor(folder, ca, cancelled) {
        this.#folder = folder;
        this.#ca = ca;
        this.#cancelled = cancelled;
    }
    /** Throws a sentence if it is not installed. */
    async check() {
        const said = await run('skopeo', ['--version'], { cancelled: this.#cancelled }).catch(() => undefined);
        if (said?.code !== 0)
            throw new Error('an archive or OCI layout is pushed with skopeo, and this runner has none; install it in an earlier step: `sudo apt-get install -y skopeo`');
    }
    /** `from` is a reference as skopeo writes it, such as `oci-archive:app.tar`. Returns the digest; throws what skopeo says. */
    async copy(from, reference, user, onLine, cancelled) {
        // A folder for each copy, for several run at once.
        const folder = (0,external_node_path_.join)(this.#folder, reference.replaceAll(/[/:]/g, '-'));
        (0,external_node_fs_.mkdirSync)(folder, { recursive: true, mode: 0o700 });
        const domain = reference.split('/')[0] ?? '';
        const file = (name, content) => {
            (0,external_node_fs_.writeFileSync)((0,external_node_path_.join)(folder, name), content, { mode: 0o600 });
            return (0,external_node_path_.join)(folder, name);
        };
        try {
            const digestFile = (0,external_node_path_.join)(folder, 'digest');
            const args = ['--insecure-policy', 'copy', '--digestfile', digestFile];
            if (user) {
                const auth = Buffer.from(`${user.name}:${user.password}`).toString('base64');
                args.push('--dest-authfile', file('auth.json', JSON.stringify({ auths: { [domain]: { auth } } })));
            }
            else
                args.push('--dest-no-creds');
            if (this.#ca !== undefined) {
                file('ca.crt', this.#ca);
                args.push('--dest-cert-dir', folder);
            }
            // A `docker save` archive has no compressed layers, and so no manifest that could be kept.
            if (!from.startsWith('docker-archive:'))
                args.push('--all', '--preserve-digests');
            const said = await run('skopeo', [...args, from, `docker://${reference}`], {
                cancelled,
                onLine,
            });
            if (said.code !== 0)
                throw new Error(lastLine(said.text));
            return (await (0,external_node_fs_promises_.readFile)(digestFile, 'utf8')).trim();
        }
        finally {
            (0,external_node_fs_.rmSync)(folder, { recursive: true, force: true });
        }
    }
}

// EXTERNAL MODULE: ./build/inputs/images.js
var inputs_images = __webpack_require__(4832);
;// CONCATENATED MODULE: ./build/publish/sources.js







/** Finds the images, before anything is contacted; throws an InputError that names every one that can’t be pushed. */
async function findImages(images, skopeo, cancelled) {
    const problems = [];
    const locals = [];
    const docker = images.some(({ source }) => source.kind === 'docker')
        ? await Docker.connect(cancelled)
        : undefined;
    if (images.some(({ source }) => source.kind !== 'docker'))
        await skopeo.check();
    for (const { source, repository, tags } of images) {
        try {
            if (source.kind !== 'docker') {
                locals.push({ ...(await findArchive(source, repository, skopeo)), tags });
            }
            else if (docker) {
                if (repository === undefined)
                    throw new Error(`${source.name} has no name; write ${source.name} => repository`);
                const found = await docker.image(source.name);
                if (!found)
                    throw new Error(absent(source.name, await docker.names()));
                const push = (...where) => docker.push(found, ...where);
                const { id, size } = found;
                locals.push({ id, size, repository, tags, client: 'Docker', push });
            }
        }
        catch (error) {
            problems.push(`image: ${error.message}`);
        }
    }
    if (problems.length > 0)
        throw new inputs/* InputError */.d(problems);
    return locals;
}
/** Says that an image is missing, with those that could have been meant. */
function absent(name, names) {
    if ((0,external_node_fs_.existsSync)(name))
        return `this runner’s Docker has no image ${name}; if you mean the file of that name, write ./${name}`;
    const likely = names.filter(each => similar(each, name));
    const shown = (likely.length > 0 ? likely : names).slice(0, 5).join(', ');
    const hint = shown === '' ? 'it has none at all' : likely.length > 0 ? `did you mean ${shown}?` : `it has ${shown}`;
    return `this runner’s Docker has no image ${name}: ${hint}${hint.endsWith('?') ? ' Else' : ';'} build it in an earlier step of the same job, with \`load: true\` if buildx builds it`;
}
function similar(one, other) {
    const [a, b] = [one, other].map(name => name
        .replace(/:[^/]*$/, '')
        .split('/')
        .at(-1) ?? '');
    return a.includes(b) || b.includes(a) || distance(a, b) <= 2;
}
/** How many letters have to change (Levenshtein). */
function distance(a, b) {
    let row = Array.from({ length: b.length + 1 }, (_, index) => index);
    for (const [i, letter] of [...a].entries()) {
        const next = [i + 1];
        for (let j = 1; j <= b.length; j++) {
            next.push(Math.min((next[j - 1] ?? 0) + 1, (row[j] ?? 0) + 1, (row[j - 1] ?? 0) + (letter === b[j - 1] ? 0 : 1)));
        }
        row = next;
    }
    return row[b.length] ?? 0;
}
async function findArchive(source, wanted, skopeo) {
    const { path, reference } = source;
    if (!(0,external_node_fs_.existsSync)(path))
        throw new Error(`there is no ${path} in the workspace; build it in an earlier step of the same job`);
    const index = (await sources_read(path, 'index.json'));
    const saved = (await sources_read(path, 'manifest.json'));
    const kind = source.kind === 'path' ? kindOf(path, index, saved) : source.kind;
    const found = kind === 'docker-archive' ? oneSaved(path, reference, saved) : oneOf(path, reference, index);
    const repository = wanted ?? (found.name && (0,inputs_images/* ownName */.qU)(found.name));
    if (repository === undefined)
        throw new Error(`${path} does not say its name; write ${path} => repository`);
    const fault = (0,inputs_images/* repositoryFault */.Lm)(repository);
    if (fault)
        throw new Error(`${path}: ${fault}`);
    const from = `${kind}:${path}${reference === undefined ? '' : `:${reference}`}`;
    return {
        id: found.id,
        repository,
        client: 'skopeo',
        size: (0,external_node_fs_.statSync)(path).isFile() ? (0,external_node_fs_.statSync)(path).size : 0,
        push: (name, tag, user, hear, cancelled) => {
            const onLine = (line) => {
                const id = /^Copying blob (?:sha256:)?(\w{12})/.exec(line)?.[1];
                if (id)
                    hear({ id, status: line.includes('skipped') ? 'Layer already exists' : 'Pushing' });
            };
            return skopeo.copy(from, `${name}:${tag}`, user, onLine, cancelled);
        },
    };
}
// What Docker saves is both since version 25. Only an index of indexes is more than `manifest.json` can say.
function kindOf(path, index, saved) {
    if ((0,external_node_fs_.statSync)(path).isDirectory())
        return 'oci';
    const nested = index?.manifests?.some(({ mediaType = '' }) => /index|list/.test(mediaType));
    if (index && (!saved || nested))
        return 'oci-archive';
    if (saved)
        return 'docker-archive';
    throw new Error(`${path} is neither a \`docker save\` archive nor an OCI one`);
}
function oneSaved(path, reference, saved = []) {
    const images = reference === undefined ? saved : saved.filter(({ RepoTags }) => RepoTags?.includes(reference));
    const [image] = images;
    if (!image || images.length > 1)
        throw several(path, reference, 'docker-archive', saved.flatMap(({ RepoTags }) => RepoTags ?? []));
    const name = reference ?? image.RepoTags?.[0];
    return { id: `sha256:${/[0-9a-f]{64}/.exec(image.Config)?.[0]}`, ...(name && { name }) };
}
function oneOf(path, reference, index = {}) {
    const key = 'org.opencontainers.image.ref.name';
    const all = index.manifests ?? [];
    const manifests = reference === undefined ? all : all.filter(({ annotations }) => annotations?.[key] === reference);
    const [manifest] = manifests;
    if (!manifest || manifests.length > 1)
        throw several(path, reference, 'oci-archive', all.flatMap(({ annotations }) => annotations?.[key] ?? []));
    const name = manifest.annotations?.['io.containerd.image.name'];
    return { id: manifest.digest, ...(name && { name }) };
}
function several(path, reference, kind, names) {
    const has = names.length > 0 ? `it has ${names.slice(0, 5).join(', ')}` : 'it has no image with a name';
    return new Error(reference === undefined
        ? `${path} does not hold exactly one image; ${has}: write ${kind}:${path}:NAME`
        : `${path} has no image ${reference}; ${has}`);
}
/** A JSON file of a layout, or of a layout in an archive. */
async function sources_read(path, name) {
    const text = (0,external_node_fs_.statSync)(path).isDirectory()
        ? await (0,external_node_fs_promises_.readFile)((0,external_node_path_.join)(path, name), 'utf8').catch(() => '')
        : (await run('tar', ['-xOf', path, name])).stdout;
    return text === '' ? undefined : JSON.parse(text);
}

;// CONCATENATED MODULE: ./build/publish/progress.js

/** Milliseconds between two lines of the log. */
const pause = 5000;
/** Makes of the thousands of messages of a push a line now and then: layers done, bytes, rate. */
class progress_Progress {
    #say;
    #now;
    #layers = new Map();
    #started;
    #said;
    /** `now` tells milliseconds. */
    constructor(say, now = () => performance.now()) {
        this.#say = say;
        this.#now = now;
        this.#started = this.#said = now();
    }
    hear({ id, status = '', progressDetail }) {
        const retrying = /^Retrying in 1 second/.test(status);
        if (retrying)
            this.#say(`Docker tries layer ${id} again`);
        // The tag comes as an id too, with the digest as its status.
        if (id !== undefined && !/digest: sha256:/.test(status)) {
            const layer = this.#layers.get(id) ?? { current: 0, total: 0, state: 'open' };
            if (progressDetail?.current) {
                layer.current = progressDetail.current;
                layer.total = Math.max(progressDetail.total ?? 0, layer.current);
            }
            if (/^Pushed/.test(status))
                Object.assign(layer, { state: 'sent', current: Math.max(layer.current, layer.total) });
            if (/already exists|^Mounted from/i.test(status))
                layer.state = 'there';
            this.#layers.set(id, layer);
        }
        const now = this.#now();
        if (now - this.#said >= pause) {
            this.#said = now;
            this.#say(this.#line());
        }
    }
    /** What was done, in a few words. */
    summary() {
        const layers = [...this.#layers.values()];
        const there = layers.filter(({ state }) => state === 'there').length;
        const seconds = (this.#now() - this.#started) / 1000;
        const known = [
            ...(layers.length > 0 ? [`${count(layers.length, 'layer')} (${there} there already)`] : []),
            ...(this.#bytes() > 0 ? [this.#sent()] : []),
        ];
        return `${known.join(', ')} in ${seconds.toFixed(1)} s`;
    }
    #line() {
        const layers = [...this.#layers.values()];
        const done = layers.filter(({ state }) => state !== 'open').length;
        const total = layers.reduce((sum, layer) => sum + (layer.state === 'there' ? 0 : layer.total), 0);
        const rate = this.#bytes() / ((this.#now() - this.#started) / 1000);
        return `${done} of ${layers.length} layers, ${this.#sent()} of ${megabytes(total)}, ${megabytes(rate)}/s`;
    }
    #bytes() {
        return [...this.#layers.values()].reduce((sum, { current }) => sum + current, 0);
    }
    #sent() {
        return megabytes(this.#bytes());
    }
}
function megabytes(bytes) {
    if (bytes < 1e5)
        return `${Math.ceil(bytes / 1e3)} kB`;
    return bytes < 1e9 ? `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

;// CONCATENATED MODULE: ./build/publish.js



/** Images at a time: more only share the same line, and the registry checks a password with every request. */
const atOnce = 3;
/**
 * Pushes each image under each of its tags, and asks the registry what it has now. The first image goes alone, so that
 * the others find the layers that they share with it.
 */
async function publish(images, to) {
    const known = await Promise.all(images.map(image => tagsOf(image, to)));
    if (to.immutable)
        refuseMoves(images, known, to.domain);
    const results = [];
    const work = async (index) => {
        const image = images[index];
        if (image)
            results[index] = await publishOne(image, known[index] ?? new Map(), to);
    };
    await work(0);
    const rest = [...images.keys()].slice(1).values();
    const workers = Array.from({ length: atOnce }, async () => {
        for (const index of rest)
            await work(index);
    });
    // One that fails lets the others end what they have begun.
    for (const each of await Promise.allSettled(workers))
        if (each.status === 'rejected')
            throw each.reason;
    return results.flat();
}
async function tagsOf({ repository, tags }, to) {
    const found = await Promise.all(tags.map(async (tag) => [tag, await again(to, () => to.registry.manifest(repository, tag))]));
    return new Map(found);
}
function refuseMoves(images, known, domain) {
    const moved = images.flatMap((image, index) => [...(known[index] ?? [])].flatMap(([tag, there]) => there && !publish_isSame(image, there) ? [`${domain}/${image.repository}:${tag} (${there.digest})`] : []));
    if (moved.length > 0)
        throw new Error(`\`immutable\` is set, and other images have these tags already: ${moved.join(', ')}; choose a new tag, or leave \`tags\` without it. Nothing was pushed`);
}
/** A manifest with the same configuration has the same layers, however they are compressed. */
function publish_isSame({ id }, { digest, config }) {
    return digest === id || config === id;
}
async function publishOne(image, known, to) {
    const { repository, tags } = image;
    const { domain, registry, user, say } = to;
    const there = new Map([...known].filter(([, manifest]) => manifest && publish_isSame(image, manifest)));
    for (const tag of there.keys())
        say(`${domain}/${repository}:${tag} is there already`);
    const [next, ...others] = tags.filter(tag => !there.has(tag));
    if (next !== undefined) {
        let manifest = [...there.values()][0];
        if (manifest === undefined) {
            manifest = await send(image, next, to);
            there.set(next, manifest);
        }
        else
            others.unshift(next);
        for (const tag of others) {
            const same = manifest;
            try {
                await again(to, async () => {
                    await refuseTaken(image, tag, to);
                    await registry.tag(repository, tag, same);
                });
            }
            catch (error) {
                throw rejection(error.message, { domain, repository, user: user?.name, client: 'Berth' });
            }
            there.set(tag, await verified(repository, tag, manifest.digest, to));
            say(`${domain}/${repository}:${tag} is the same image`);
        }
    }
    const pushed = new Map();
    for (const tag of tags) {
        const manifest = there.get(tag);
        if (!manifest)
            continue;
        const same = pushed.get(manifest.digest);
        if (same)
            same.tags.push(tag);
        else
            pushed.set(manifest.digest, { manifest, tags: [tag] });
    }
    for (const { manifest } of pushed.values())
        await complete(repository, manifest, to);
    return [...pushed].map(([digest, { tags }]) => ({ repository, tags, digest }));
}
/** Pushes an image under one tag, trying again what may be gone in a moment. */
async function send(image, tag, to) {
    const { repository } = image;
    const name = `${to.domain}/${repository}`;
    const digest = await again(to, async () => {
        await refuseTaken(image, tag, to);
        const progress = new progress_Progress(line => to.say(`${name}:${tag}: ${line}`));
        // Docker tries each layer for more than a minute before it tells what it was told.
        const hopeless = new AbortController();
        let asked = false;
        const hear = (message) => {
            progress.hear(message);
            if (asked || !/^Retrying in/.test(message.status ?? ''))
                return;
            asked = true;
            void obstacle(image, to).then(reason => reason && hopeless.abort(reason));
        };
        try {
            const either = AbortSignal.any([to.cancelled, hopeless.signal]);
            const pushed = await image.push(name, tag, to.user, hear, either);
            to.say(`${name}:${tag} pushed: ${progress.summary()}`);
            return pushed;
        }
        catch (error) {
            if (to.cancelled.aborted)
                throw new Error('cancelled');
            if (hopeless.signal.aborted)
                throw hopeless.signal.reason;
            const reason = rejection(error.message, attempt(image, to));
            throw (reason instanceof Transient && (await obstacle(image, to))) || sized(reason, image);
        }
    });
    return verified(repository, tag, digest, to);
}
/** What stands in the way of every upload and won’t go by itself, as the registry says when it is asked; `undefined` if nothing does. */
async function obstacle(image, to) {
    const words = await to.registry.complaint(image.repository).catch(() => '');
    const reason = rejection(words, attempt(image, to));
    return reason instanceof DiskFull || reason instanceof TooLarge ? sized(reason, image) : undefined;
}
function sized(reason, { size }) {
    return reason instanceof DiskFull && size > 0
        ? new DiskFull(`${reason.message}: the image has ${megabytes(size)}`)
        : reason;
}
function attempt({ repository, client }, { domain, user }) {
    return { domain, repository, user: user?.name, client };
}
/**
 * A workflow beside this one may have taken an immutable tag since the first look; a registry has no request that takes only a
 * free one.
 */
async function refuseTaken(image, tag, to) {
    if (!to.immutable)
        return;
    const there = await to.registry.manifest(image.repository, tag);
    if (there && !publish_isSame(image, there))
        throw new Error(`\`immutable\` is set, and another workflow has given ${to.domain}/${image.repository}:${tag} to ${there.digest} meanwhile; choose a new tag`);
}
/** What the registry has under a tag, which must be this digest. */
async function verified(repository, tag, digest, to) {
    const found = await again(to, () => to.registry.manifest(repository, tag));
    if (found?.digest === digest)
        return found;
    throw new Error(`${to.domain}/${repository}:${tag} was pushed as ${digest}, and the registry has ${found?.digest ?? 'no such tag'}; is another workflow pushing the same tag?`);
}
async function complete(repository, manifest, to) {
    const missing = await again(to, () => to.registry.missing(repository, manifest));
    if (missing.length > 0)
        throw new Error(`the registry lacks parts of ${to.domain}/${repository}@${manifest.digest} (${missing.slice(0, 3).join(', ')}); is its disk damaged? Delete the tag there and push again`);
}
function again({ say, cancelled }, work) {
    return retry(work, say, cancelled);
}

;// CONCATENATED MODULE: ./build/modes.js
















/** Converges, verifies, then pushes. */
function up(inputs, around) {
    return onEndpoint(inputs, async (endpoint) => {
        // Most runs change nothing; then what clients saw while the server was looked at is what they see.
        const seen = endpoint.verify(inputs.pushUser).catch(() => undefined);
        // An image that can’t be pushed is better known before the server changes.
        const images = await locals(inputs, around);
        const steps = await onServer(around, server => around.group(`Server ${inputs.target?.host}`, () => converge(server, inputs.desired, plan, around.listener)));
        await proveLogins(inputs, around, steps);
        try {
            const outcome = steps.length === 0
                ? await deliver(endpoint, images, inputs, around, seen)
                : // A connection from before a change would show what was before it.
                    await onEndpoint(inputs, fresh => deliver(fresh, images, inputs, around));
            return { ...outcome, steps };
        }
        catch (error) {
            if (!(error instanceof DiskFull))
                throw error;
            const room = await onServer(around, server => server.run(`echo berth:room\ndf -h ${(0,script/* quote */.hD)(`${inputs.desired.directory}/data`)}\n`));
            throw new Error(`${error.message}; ${freeRoom(room)}. Delete what is not needed, or enlarge the disk`);
        }
    });
}
/** A rotation is done when the new password has let its user in, which it does once the registry has read the new file. */
async function proveLogins(inputs, { listener, group }, steps) {
    const fresh = freshUsers(inputs.desired.users ?? [], steps);
    if (fresh.length === 0)
        return;
    await group('Log in with new passwords', async () => {
        await onEndpoint(inputs, endpoint => endpoint.admit(fresh));
        listener.said(`logged in as ${names(fresh.map(({ name }) => name))}`);
    });
}
/** Says what `up` would change, on the pull request too. */
async function modes_plan(inputs, around) {
    const { domain } = inputs.desired;
    try {
        const { facts, steps } = await onServer(around, server => look(server, inputs.desired, plan));
        around.listener.planned(steps, true);
        warnings(inputs.desired, facts).forEach(around.listener.warned);
        await foresee(new Outside(domain), facts, steps);
        await comment(inputs, around, planComment(domain, steps));
        return { domain, steps, applied: false, pushed: [] };
    }
    catch (error) {
        // What an earlier commit's plan said may not be true any more.
        if (!around.cancelled.aborted) {
            await comment(inputs, around, failureComment(domain, error.message));
        }
        throw error;
    }
}
async function comment(inputs, around, text) {
    const pull = around.github?.pull;
    if (pull === undefined)
        return;
    await onGitHub(inputs, around, 'the comment with the plan', 'pull-requests', repository => keepComment(repository, pull, inputs.desired.domain, text));
}
/** Takes the registry and its site away; images, users and certificates stay unless `purge` says otherwise. */
async function down(inputs, around) {
    const { desired, target } = inputs;
    const steps = await onServer(around, server => around.group(`Server ${target?.host}`, () => converge(server, desired, removal, around.listener)));
    return { domain: desired.domain, steps, applied: true, pushed: [] };
}
/** Looks at the registry as its clients do, and pushes if there is an image. */
async function push(inputs, around) {
    try {
        const images = await locals(inputs, around);
        const outcome = await onEndpoint(inputs, endpoint => deliver(endpoint, images, inputs, around));
        return { ...outcome, looked: false };
    }
    catch (error) {
        if (!(error instanceof DiskFull))
            throw error;
        throw new Error(`${error.message}. Delete what is not needed on the server, or enlarge its disk`);
    }
}
function locals({ images, desired }, { folder, cancelled }) {
    return findImages(images, new Skopeo((0,external_node_path_.join)(folder, 'skopeo'), desired.acme.ca, cancelled), cancelled);
}
/** `seen` is the certificate of a registry that was verified already; `undefined` if something was not right. */
async function deliver(endpoint, images, inputs, around, seen) {
    const { desired, pushUser: user, immutable } = inputs;
    const { domain, acme } = desired;
    const { cancelled, listener } = around;
    const certificate = await around.group(`Check https://${domain}`, async () => {
        const shown = (await seen) ?? (await retry(() => endpoint.verify(user), listener.said, cancelled));
        listener.said(`the registry answers, with a certificate valid until ${shown.validToDate.toISOString()}`);
        return shown;
    });
    const outcome = { domain, steps: [], applied: true, certificate };
    if (images.length === 0)
        return { ...outcome, pushed: [] };
    const pushed = await around.group('Push', async () => {
        if (acme.ca !== undefined && images.some(({ client }) => client === 'Docker')) {
            const file = trustFile(domain, (0,external_node_path_.basename)(around.folder), await (await Docker.connect(cancelled)).rootless());
            around.leaves(file);
            await docker_trust(file, acme.ca);
        }
        const registry = new RegistryApi(endpoint, user);
        const done = await publish(images, { domain, registry, user, immutable, say: listener.said, cancelled });
        return Promise.all(done.map(async (each) => ({ ...each, ...(await portray(registry, each.repository, each.digest)) })));
    });
    return { ...outcome, pushed };
}
async function onEndpoint({ desired: { domain, acme } }, work) {
    const endpoint = new Endpoint(domain, acme.ca);
    try {
        return await work(endpoint);
    }
    finally {
        endpoint.close();
    }
}
/** Reads `df -h`. */
function freeRoom(text) {
    const [, size, , free, , place] = text.trim().split('\n').at(-1)?.split(/\s+/) ?? [];
    return `${free} of ${size} are free on ${place}`;
}
/** Keeps the connection to the server for as long as `work` takes. */
async function onServer({ server }, work) {
    if (!server)
        throw new Error('this mode needs a server');
    try {
        return await work(server);
    }
    finally {
        await server.close();
    }
}
/**
 * Writes on GitHub, if there is a token. `work` returns what it did. That it can’t be done is a warning: it must not hide
 * how the server is.
 */
async function onGitHub({ githubToken: token }, { github, listener }, what, permission, work) {
    if (token === undefined || github === undefined)
        return;
    try {
        const done = await work({ ...github, token });
        if (done)
            listener.said(done);
    }
    catch (error) {
        listener.warned(`${what} can’t be kept: ${error.message}; does \`github-token\` have \`${permission}: write\`? (In a pull request from a fork it never has.)`);
    }
}

;// CONCATENATED MODULE: ./build/github/issue.js

/**
 * One issue is open while the certificate of `domain` is at risk. It is known by an invisible mark in its text, so that its
 * title and labels are free to be changed. `trouble` is a sentence; `undefined` closes the issue.
 * Returns what was done, in a sentence, or `undefined` if nothing was to be done.
 */
async function keepIssue(to, domain, trouble, expires) {
    const { octokit, repository } = await connect(to);
    const mark = `<!-- berth certificate ${domain} -->`;
    const issues = octokit.paginate.iterator('GET /repos/{owner}/{repo}/issues', {
        ...repository,
        ...{ state: 'open', sort: 'created', direction: 'desc', per_page: 100 },
    });
    // The API lists pull requests among them.
    const issue = await findEntry(issues, ({ body, pull_request }) => !pull_request && !!body?.includes(mark));
    if (trouble === undefined) {
        if (!issue)
            return undefined;
        const body = `The certificate of ${domain} is well again${expires ? `, and valid until ${expires.toISOString()}` : ''}.\n\n${mark}\n`;
        await octokit.request('PATCH /repos/{owner}/{repo}/issues/{issue_number}', {
            ...repository,
            ...{ issue_number: issue.number, body, state: 'closed', state_reason: 'completed' },
        });
        return `closed issue #${issue.number}`;
    }
    const body = `${trouble}\n\nThis issue is kept up to date, and closed when the certificate is well again.\n\n${mark}\n`;
    if (!issue) {
        const title = `The certificate of ${domain} is at risk`;
        const { data } = await octokit.request('POST /repos/{owner}/{repo}/issues', {
            ...repository,
            ...{ title, body },
        });
        return `opened issue #${data.number}`;
    }
    if (isSame(issue.body, body))
        return undefined;
    await octokit.request('PATCH /repos/{owner}/{repo}/issues/{issue_number}', {
        ...repository,
        ...{ issue_number: issue.number, body },
    });
    return `updated issue #${issue.number}`;
}

;// CONCATENATED MODULE: ./build/renew.js







/** What is looked after: the rest of the server is `up`'s. */
const missing = (desired, facts) => plan(desired, facts, ['certificate', 'renewal']);
/** Renews if the certificate is due, looks at what is served, and says so on GitHub if it is at risk. */
async function renew(inputs, around) {
    const { domain, acme } = inputs.desired;
    const { steps, facts, trouble } = await renewed(inputs, around);
    const endpoint = new Endpoint(domain, acme.ca);
    let served;
    let failure = trouble?.fatal ? trouble.reason : undefined;
    try {
        served = await around.group(`Check https://${domain}`, () => endpoint.certificate());
        failure ??= assess(inputs, served, renew_onDisk(inputs, facts), steps.some(isOrder), trouble?.reason, Date.now());
    }
    catch (error) {
        failure = [failure, error.message].filter(Boolean).join('\n');
    }
    finally {
        endpoint.close();
    }
    if (trouble && failure === undefined)
        around.listener.warned(trouble.reason);
    await onGitHub(inputs, around, 'the issue about the certificate', 'issues', repository => keepIssue(repository, domain, failure, served?.validToDate));
    return {
        domain,
        steps,
        applied: true,
        pushed: [],
        ...(served && { certificate: served }),
        ...(failure && { failure }),
    };
}
async function renewed(inputs, around) {
    let facts;
    let trouble;
    const listener = {
        ...around.listener,
        looked(seen) {
            if (seen.file('site.file') === undefined) {
                throw new Error(`this server has no registry ${inputs.desired.domain} of Berth’s; set it up with mode \`up\` first`);
            }
            facts = seen;
        },
        warned(reason) {
            trouble = { reason, fatal: false };
        },
    };
    let steps = [];
    try {
        steps = await onServer(around, server => around.group(`Server ${inputs.target?.host}`, () => converge(server, inputs.desired, missing, listener)));
    }
    catch (error) {
        trouble = { reason: error.message, fatal: true };
    }
    return { steps, facts, trouble };
}
/** The certificate that the server had on disk before this run. */
function renew_onDisk({ desired }, facts) {
    if (desired.certificate)
        return new external_node_crypto_.X509Certificate(desired.certificate.chain);
    return facts && readLineage(facts).leaf;
}
/** What is wrong with the certificate that clients get, in a sentence; `undefined` if it is well. */
function assess({ desired: { domain, renewBefore, certificate } }, served, disk, ordered, reason, now) {
    const same = served.fingerprint256 === disk?.fingerprint256;
    if (disk && same === ordered) {
        return ordered
            ? `the certificate of ${domain} was renewed, and the old one is still served, until ${date(served)}; does the name lead to this server on every address, and is there a proxy in front of it?`
            : `${domain} serves a certificate that is valid until ${date(served)}, and it is not the one on the server’s disk, which is valid until ${date(disk)}; does the name lead to this server, and is there a proxy in front of it?`;
    }
    if (!due(served, renewBefore, now))
        return undefined;
    const left = Math.floor((served.validToDate.getTime() - now) / (24 * 60 * 60 * 1000));
    const risk = `the certificate of ${domain} is valid for ${left} more ${left === 1 ? 'day' : 'days'} only, until ${date(served)}`;
    return certificate
        ? `${risk}; give a newer one as \`certificate\` and \`certificate-key\`, and run mode \`up\``
        : `${risk}, and could not be renewed: ${reason ?? 'the authority gave one that lives no longer'}`;
}
function date({ validToDate }) {
    return validToDate.toISOString().replace(/\.\d+/, '');
}

;// CONCATENATED MODULE: ./build/report/help.js
/**
 * Where each message leads: a heading of docs/troubleshooting.md, and what the messages have in common that it is about. The
 * first that fits counts. A new message needs a pattern here, and the heading where there is none yet; a test collects
 * all messages of the sources and names those that lead nowhere.
 *
 * A heading is also the title of the annotation, which GitHub does not mask: it must be the same for everybody.
 */
const topics = [
    // What begins with the name of an input.
    ['The SSH key can’t be used', /^ssh-key/, /`ssh-key(-passphrase)?` (is|can’t|does)/],
    ['The host key is missing or another one', /^ssh-known-hosts: /, /`ssh-known-hosts`/],
    ['Users, passwords and access', /^(users|access|auth|push-user): /],
    ['The certificate that you bring is not accepted', /^certificate(-key)?: /],
    ['An image or a tag has no valid name', /^(image|tags): /],
    ['An input is missing or wrong', /^[a-z][a-z-]*: /, /not there yet|this mode needs|NUL byte/],
    // Between the runner and the server.
    ['Another run is at work', /another run|another workflow at work|keeps changing/],
    ['Somebody else pushes the same tag', /another workflow pushing the same tag/],
    ['A tag would move', /`immutable`/],
    ['The disk is full', /disk is (nearly )?full/, /enlarge (the|its) disk/],
    ['The server’s clock is wrong', /clock shows/],
    ['The runner lacks a program', /this runner has no `ssh`|this runner has no Docker|this runner has none/],
    ['The runner’s Docker does not answer', /^Docker can’t|DOCKER_HOST|the engine ended/],
    [
        'The server does not let SSH in',
        /let `.*` in with this key|let the key in and closed|closed the connection while|takes no keys from|runs no commands for this user/,
    ],
    ['Berth can’t become root', /become root|sudo (wants|does not|asks)|no sudo/],
    [
        'The connection was lost',
        /cut off|connection to .* was lost|the run was cancelled|^cancelled$|did not say/,
    ],
    [
        'SSH does not reach the server',
        /SSH/,
        /`ssh-(host|port|jump)`/,
        /no connection to|jump host|can’t be reached through/,
    ],
    // On the server.
    ['Docker does not start on the server', /Docker does not start/],
    ['Another package manager is at work', /another package manager/],
    ['A program is missing on the server', /the server lacks|that would remove/],
    ['A port is taken', /port .* is taken by|shows another certificate for/],
    [
        'Another site or registry is in the way',
        /set up by hand|`adopt: true`|together with other names|holds images already/,
    ],
    ['nginx refuses its configuration', /nginx refuses/],
    ['The server has no registry yet', /has no registry .* of Berth’s/],
    // Certificates.
    [
        'The certificate authority gives no certificate',
        /CAA|`acme-(eab|server)|nonces|by its policy|another `email`|status page/,
    ],
    [
        'The certificate authority sees another world',
        /though this runner can|other parts of the world|another certbot/,
    ],
    [
        'A private authority is not trusted',
        /trusts?\b.*(authority|certificate)|authority is given as `ca`|trust `ca`|give (a private one|that) as `ca`/,
    ],
    [
        'The certificate is not renewed',
        /certificate of .* (was renewed|is valid for)|serves a certificate|newer one as|authority gave one/,
    ],
    [
        'The certificate is not the right one',
        /certificate that .* shows (has expired|is not valid yet|is for other)|shows no certificate/,
    ],
    ['GitHub can’t be told', /can’t be kept: /],
    [
        'DNS does not lead to the server',
        /DNS|neither an A nor an AAAA|does not resolve|no certificate authority can reach|record of .* leads|point it to this/,
    ],
    [
        'Port 80 can’t be reached',
        /port 80|the runner did not see|whether it sees|instead of this server’s token/,
    ],
    // The registry and what is pushed.
    ['The registry does not start', /the registry (is back|did not come back|does not start)/],
    [
        'The registry does not let a user in',
        /does not let `.*` in \(|with the new password|should (ask for credentials|be open)|old hash in htpasswd/,
    ],
    ['A user may not push', /may not push/],
    ['A proxy is in the way', /a proxy in front of .* refuses/],
    [
        'The image is not there',
        /no image|does not hold exactly one|in the workspace|neither a `docker save`|=> repository|that is the|did you mean/,
    ],
    ['The registry does not answer', /port 443|over HTTPS|is answered with/],
    ['A push stops half way', /could not be pushed|can’t push|lacks parts of|was pushed as/],
    ['A step on the server failed', / failed[:;]|the server (said|refused)|was not possible/],
];
/** The heading of docs/troubleshooting.md under which a message is explained; `undefined` if there is none. */
function topic(message) {
    return topics.find(([, ...patterns]) => patterns.some(pattern => pattern.test(message)))?.[0];
}
/** All headings that messages lead to. */
const headings = topics.map(([heading]) => heading);
/** What GitHub makes of a heading to link to it. */
function help_anchor(heading) {
    return heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-');
}
/**
 * A page of docs/ on GitHub, as of the version of Berth that runs: `env` tells where that came from. Without it, as in
 * a local run or with `uses: ./`, it is the path.
 */
function page(file, env) {
    const { GITHUB_SERVER_URL: server, GITHUB_ACTION_REPOSITORY: repository, GITHUB_ACTION_REF: ref } = env;
    return server && repository ? `${server}/${repository}/blob/${ref || 'HEAD'}/docs/${file}` : `docs/${file}`;
}
/** The page that explains a message. */
function helpFor(message, env) {
    const heading = topic(message);
    return page('troubleshooting.md', env) + (heading === undefined ? '' : `#${help_anchor(heading)}`);
}

;// CONCATENATED MODULE: ./build/report/log.js




/** What people see while the step runs: a group for each phase, a line for each change. */
class Log {
    #console;
    /** The environment that help links are made of. */
    #env;
    #now;
    #open;
    phases = [];
    /** What was planned last. */
    steps = [];
    /** What was done of it, with its time in milliseconds. */
    taken = new Map();
    /** `now` tells milliseconds. */
    constructor(console, env, now = () => performance.now()) {
        this.#console = console;
        this.#env = env;
        this.#now = now;
    }
    group = async (title, work) => {
        this.#begin(title);
        try {
            return await work();
        }
        finally {
            this.#end();
        }
    };
    planned = (steps, detailed) => {
        this.steps = steps;
        if (steps.length === 0) {
            this.said('nothing to do: the server is as it should be');
            return;
        }
        const changes = count(steps.flatMap(({ changes }) => changes).length, 'change');
        this.said(`${changes} to make`);
        // A plan that is all that was asked for is not folded away.
        if (!detailed)
            this.#begin(`Plan: ${changes}`);
        for (const { resource, changes, keeps } of steps) {
            for (const change of changes) {
                this.said(planLine(resource, change));
                if (change.file && (detailed || change.action === 'update'))
                    this.said(diff(change.file));
            }
            if (keeps)
                this.said(`= ${resource}: ${keeps}`);
        }
        if (!detailed)
            this.#begin('Change the server');
    };
    done = (step, milliseconds) => {
        this.taken.set(step, milliseconds);
        const [first, ...others] = step.changes;
        const time = `  ${duration(milliseconds)}`;
        if (first)
            this.said(planLine(step.resource, first) + time);
        for (const change of others)
            this.said(planLine(step.resource, change));
    };
    said = (text) => this.#console.info(text);
    debug = (text) => this.#console.debug(text);
    warned = (text) => this.#console.warning(this.#helped(text), { title: log_title(text) });
    failed = (text) => this.#console.error(this.#helped(text), { title: log_title(text) });
    /** A phase ends where the next one begins: GitHub’s groups can’t be one inside the other. */
    #begin(what) {
        this.#end();
        this.#open = { what, since: this.#now() };
        this.#console.startGroup(what);
    }
    #end() {
        if (!this.#open)
            return;
        const { what, since } = this.#open;
        this.#open = undefined;
        this.phases.push({ what, milliseconds: this.#now() - since });
        this.#console.endGroup();
    }
    #helped(text) {
        return `${text}\n${helpFor(text, this.#env)}`;
    }
}
// Titles are not masked by GitHub, so nothing of the message is in them.
function log_title(text) {
    return `Berth: ${topic(text) ?? 'it did not work'}`;
}

;// CONCATENATED MODULE: ./build/report/summary.js


/** The job summary, in GitHub’s Markdown: first what matters most, last what is only wanted when something is slow. */
function summary(outcome, around) {
    return [
        `## ⚓ ${outcome.domain}`,
        ...failure(outcome, around),
        ...facts(outcome, around),
        ...pushed(outcome),
        ...changes(outcome, around),
        ...timings(around),
        '',
    ].join('\n\n');
}
function failure({ failure }, { help }) {
    if (failure === undefined)
        return [];
    const [sentence = '', ...words] = failure.split('\n');
    const said = words.length > 0 ? ['', '```text', ...words.map(line => line.trim()), '```'] : [];
    const text = [`**It did not work.** ${safe(capital(sentence))}`, ...said, '', `[What to do](${help})`];
    return [['[!CAUTION]', ...text].map(line => `> ${line}`.trimEnd()).join('\n')];
}
/** The job summary of a run that was refused for its inputs. `problems` begin with their names. */
function mistakes(problems, help) {
    const lines = problems
        .map(problem => problem.replace(/^([a-z-]+): /, '`$1` '))
        .map(text => `> - ${safe(text)}`);
    const title = `> **${count(problems.length, 'input')} to correct.** Nothing was contacted, and nothing changed.`;
    return ['## ⚓ Berth', '', '> [!CAUTION]', title, '>', ...lines, '>', `> [What to do](${help})`, ''].join('\n');
}
function facts(outcome, { now, phases, taken }) {
    const { certificate, failure } = outcome;
    const total = phases.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    const users = people(outcome, taken);
    const rows = [
        ...(failure === undefined ? [['Server', state(outcome)]] : []),
        ...(certificate ? [['Certificate', validity(certificate, now)]] : []),
        ...(users === '' ? [] : [['Users', users]]),
        ...(total > 0 ? [['Time', duration(total)]] : []),
    ];
    if (rows.length === 0)
        return [];
    return [
        [
            '<table>',
            ...rows.map(([name, value]) => `<tr><th align="left">${name}</th><td>${value}</td></tr>`),
            '</table>',
        ].join('\n'),
    ];
}
function state({ steps, applied, looked }) {
    const changes = count(steps.flatMap(({ changes }) => changes).length, 'change');
    if (looked === false)
        return 'not looked at: this mode pushes only';
    if (steps.length === 0)
        return 'as it should be, nothing changed';
    return applied ? `${changes} made` : `${changes} to make; this was only a look`;
}
function validity({ validToDate }, now) {
    return `valid for <b>${count(daysUntil(validToDate, now), 'day')}</b> more, until ${validToDate.toISOString().slice(0, 10)}`;
}
/** Who was added, has a new password or was revoked. */
function people({ steps, applied, failure }, taken) {
    const changes = steps
        .filter(({ resource }) => resource === 'users')
        // A run that failed may not have come so far.
        .filter(step => failure === undefined || taken.has(step))
        .flatMap(({ changes }) => changes);
    const words = applied
        ? { create: 'added', update: 'new password for', delete: 'revoked' }
        : { create: 'to add', update: 'new password for', delete: 'to revoke' };
    return ['create', 'update', 'delete']
        .map(action => ({
        action,
        names: changes.flatMap(each => (each.action === action && each.subject ? [each.subject] : [])),
    }))
        .filter(({ names }) => names.length > 0)
        .map(({ action, names }) => `${words[action]} ${names.map(name => `<code>${name}</code>`).join(' ')}`)
        .join('<br>');
}
function pushed({ domain, pushed }) {
    if (pushed.length === 0)
        return [];
    const rows = pushed.map(({ repository, tags, platforms = [], bytes }) => [
        code(repository),
        tags.map(code).join(' '),
        platforms.join(', '),
        bytes === undefined ? '' : megabytes(bytes),
    ]);
    return [
        '### Pushed',
        table(['image', 'tags', 'platforms', 'size'], rows),
        shell(pushed.map(({ repository, tags }) => `docker pull ${domain}/${repository}:${tags[0]}`)),
        details('By digest, for a deployment that must not change by itself', shell(pushed.map(({ repository, digest }) => `docker pull ${domain}/${repository}@${digest}`))),
    ];
}
function changes({ steps, applied, failure }, { taken }) {
    if (steps.length === 0)
        return [];
    const rows = steps.flatMap(step => step.changes.map(({ action, summary }, index) => [
        verbs[action],
        step.resource,
        safe(summary).replaceAll('|', '\\|'),
        ...(applied ? [index > 0 && taken.has(step) ? '' : time(taken.get(step), failure)] : []),
    ]));
    const head = ['', 'resource', 'change', ...(applied ? ['time'] : [])];
    const title = applied ? 'Changed' : 'Would change';
    // A first run has many lines, and what was pushed is what most people look for.
    const folded = rows.length > 8 && failure === undefined && applied;
    return folded
        ? [details(`${title}: ${count(rows.length, 'line')}`, table(head, rows))]
        : [`### ${title}`, table(head, rows)];
}
const verbs = { create: '**+**', update: '**~**', delete: '**−**' };
function time(milliseconds, failure) {
    if (milliseconds !== undefined)
        return duration(milliseconds);
    return failure === undefined ? '' : 'not done';
}
function timings({ phases }) {
    const rows = phases
        .filter(({ milliseconds }) => milliseconds >= 50)
        .map(({ what, milliseconds }) => [what, duration(milliseconds)]);
    if (rows.length === 0)
        return [];
    return [details('Where the time went', table(['phase', 'time'], rows))];
}
/** Columns that are read from their right end. */
const numbers = ['time', 'size'];
function table(head, rows) {
    return [head, head.map(name => (numbers.includes(name) ? '---:' : ':---')), ...rows]
        .map(cells => `| ${cells.join(' | ')} |`)
        .join('\n');
}
function shell(lines) {
    return ['```sh', ...lines, '```'].join('\n');
}
function details(title, text) {
    return `<details><summary>${title}</summary>\n\n${text}\n\n</details>`;
}
function code(text) {
    return `\`${text}\``;
}
function capital(text) {
    return text.charAt(0).toUpperCase() + text.slice(1);
}
/** What programs said may look like HTML; between backticks it is shown as it is anyway. */
function safe(text) {
    return text
        .split(/(`[^`]*`)/)
        .map((part, index) => (index % 2 === 1 ? part : part.replaceAll('&', '&amp;').replaceAll('<', '&lt;')))
        .join('');
}

;// CONCATENATED MODULE: ./build/step.js








const log = new Log(core, process.env);
/** The registry’s name, once it is known to be one. */
let domain = 'Berth';
/** Masks texts in the log from now on. */
function mask(secrets) {
    for (const each of secrets)
        core.setSecret(each);
}
const { debug } = log;
/** The step, from inputs that are being read and a server that is being connected to. */
async function step_run(begun, folder, cancelled) {
    let server;
    try {
        const known = await begun;
        server = known.server;
        domain = known.inputs.desired.domain;
        known.inputs.warnings.forEach(log.warned);
        await report(await work(known, folder, cancelled));
    }
    catch (error) {
        await reportFailure(error);
    }
    finally {
        await server?.close();
    }
}
const modes = { up: up, plan: modes_plan, push: push, renew: renew, down: down };
function work({ inputs, pull, server }, folder, cancelled) {
    const mode = modes[inputs.mode];
    if (!mode)
        throw new Error(`mode ${inputs.mode} is not there yet in this version of Berth`);
    return mode(inputs, {
        folder,
        listener: log,
        server,
        cancelled,
        group: log.group,
        leaves: file => core.saveState('trust', file),
        github: repository(pull),
    });
}
async function report(outcome) {
    core.setOutput('registry', outcome.domain);
    core.setOutput('changed', outcome.steps.length > 0);
    core.setOutput('plan', planJson(outcome.steps));
    core.setOutput('images', references(outcome).join('\n'));
    core.setOutput('digest', outcome.pushed[0]?.digest ?? '');
    core.setOutput('certificate-expires', outcome.certificate?.validToDate.toISOString() ?? '');
    for (const reference of references(outcome))
        log.said(`pushed ${reference}`);
    if (outcome.failure === undefined)
        log.said(closing(outcome, Date.now(), performance.now()));
    else
        fail(outcome.failure);
    await summarize(outcome);
}
/** A failed run has no outcome, but its plan and what became of that. */
async function reportFailure(error) {
    if (error instanceof inputs/* InputError */.d) {
        error.problems.forEach(fail);
        const help = helpFor(error.problems[0] ?? '', process.env);
        await write(mistakes(error.problems, help));
    }
    else {
        const failure = error instanceof Error ? error.message : String(error);
        fail(failure);
        if (error instanceof Error)
            log.debug(error.stack ?? '');
        await summarize({ domain, steps: log.steps, applied: true, pushed: [], failure });
    }
}
/** Never a stack trace, which tells a user nothing. */
function fail(problem) {
    log.failed(problem);
    process.exitCode = 1;
}
async function summarize(outcome) {
    const help = helpFor(outcome.failure ?? '', process.env);
    const { phases, taken } = log;
    await write(summary(outcome, { now: Date.now(), phases, taken, help }));
}
/** Adds to the job summary; a run by hand has none. */
async function write(markdown) {
    if (process.env.GITHUB_STEP_SUMMARY)
        await core.summary.addRaw(markdown).write();
}
function repository(pull) {
    const { GITHUB_REPOSITORY: name, GITHUB_API_URL: api } = process.env;
    return name && api ? { name, api, pull } : undefined;
}


/***/ })

};
