export const id = 505;
export const ids = [505];
export const modules = {

/***/ 4505:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

// ESM COMPAT FLAG
__webpack_require__.r(__webpack_exports__);

// EXPORTS
__webpack_require__.d(__webpack_exports__, {
  debug: () => (/* binding */ debug),
  mask: () => (/* binding */ mask),
  run: () => (/* binding */ run)
});

// EXTERNAL MODULE: ./node_modules/@actions/core/lib/core.js + 10 modules
var core = __webpack_require__(7264);
// EXTERNAL MODULE: ./build/failure.js
var build_failure = __webpack_require__(9874);
// EXTERNAL MODULE: ./build/inputs/inputs.js + 9 modules
var inputs = __webpack_require__(1232);
// EXTERNAL MODULE: external "node:crypto"
var external_node_crypto_ = __webpack_require__(7598);
;// CONCATENATED MODULE: ./build/resources/names.js

/** What several resources call by name: a registry’s things on a server that may hold several registries. */
/**
 * Who the registry is on the server: a number without a name, whose the images are.
 * systemd's table of UIDs leaves 65520…65533 to nobody, and distroless images use this one for the same.
 */
const account = '65532:65532';
/** Its containers have this name, a hyphen and the name of their generation. */
function container(domain) {
    return `berth-${domain.replaceAll('.', '-')}`;
}
/** Where nginx reaches the registry, whichever generation serves. */
function socket({ directory }) {
    return `${directory}/registry.sock`;
}
/** Whom nginx lets in. */
function htpasswdFile({ directory }) {
    return `${directory}/htpasswd`;
}
/** nginx’s variables are global, and their names must be short. */
function prefix(domain) {
    return `berth_${(0,external_node_crypto_.createHash)('sha256').update(domain).digest('hex').slice(0, 8)}`;
}
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

;// CONCATENATED MODULE: ./build/resources/resource.js
function resource(definition) {
    return {
        ...definition,
        look(desired, facts) {
            const seen = definition.read(facts, desired);
            return {
                failures: definition.failures?.(desired, seen) ?? [],
                warnings: definition.warnings?.(desired, seen) ?? [],
                steps: () => definition.steps(desired, seen),
                removal: () => definition.removal?.(desired, seen) ?? [],
            };
        },
    };
}
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

// EXTERNAL MODULE: ./build/shell.js
var shell = __webpack_require__(2474);
// EXTERNAL MODULE: ./build/desired.js
var build_desired = __webpack_require__(350);
;// CONCATENATED MODULE: ./build/resources/brake/brake.js




/**
 * Slows down whoever guesses passwords: a limit in the site, before nginx looks at a password, on credentials that it has not
 * seen to be right; and a service that tells nginx which were.
 */
const brake = resource({
    name: 'brake',
    units: ({ domain }) => [`${unit(domain)}.service`],
    probe: ({ domain, directory }) => [['brake_probe', unit(domain), directory]],
    read: (facts, { domain }) => ({
        script: facts.file('brake.script'),
        unit: facts.file('brake.unit'),
        watching: isWatching(facts.unit(`${unit(domain)}.service`)),
    }),
    steps(desired, seen) {
        const { domain, directory } = desired;
        const service = `${unit(domain)}.service`;
        if (!isLocked(desired))
            return seen.unit === undefined ? [] : [release(desired)];
        const script = `#!/usr/bin/perl\n${shell/* notice */.lm}\n${(0,shell/* library */.Yv)('resources/brake/watcher.pl')}`;
        const content = serviceUnit(desired);
        const changes = [
            ...fileChanges(`${directory}/watcher.pl`, seen.script, script, '644'),
            ...fileChanges(service, seen.unit, content, '644'),
            ...(seen.unit && !seen.watching ? change(true, `start ${service}`) : []),
        ];
        if (changes.length === 0)
            return [];
        return [{ resource: 'brake', changes, call: ['brake_up', unit(domain), directory, script, content] }];
    },
    removal: (desired, seen) => (seen.unit === undefined ? [] : [release(desired)]),
});
function release({ domain, directory }) {
    const changes = [{ action: 'delete', summary: `${unit(domain)}.service` }];
    return { resource: 'brake', changes, call: ['brake_down', unit(domain), directory] };
}
/** Whether nginx asks for passwords: neither is the registry open nor does it ask for itself. */
function isLocked(desired) {
    return desired.users !== null && !(0,build_desired/* ownAuth */.Lz)(desired);
}
/**
 * Passwords that may be tried: one address, or one network of 64 bits, has these at once and then one a second. All together
 * have these for users whose password takes up to 25 ms to check.
 */
const guesses = { rate: '1r/s', burst: 20 };
const slowGuesses = { rate: '10r/s', burst: 20 };
/** Digits of a hash that tells credentials apart, and what makes each digit differ from the others. */
const digits = Array.from({ length: 8 }, (_, index) => `digit ${index}${'.'.repeat(index % 4)}|`);
/** What belongs before the site's servers. */
function brakeMaps({ domain }) {
    const id = prefix(domain);
    const hash = digits.map((_, index) => `$${id}_${index}`).join('');
    return `# Who guesses is an IPv4 address or an IPv6 network: in binary, so that no spelling can go wrong.
map $binary_remote_addr $${id}_network {
    default $binary_remote_addr;
    "~(?s)\\A(?<${id}_half>.{8}).{8}\\z" $${id}_half;
}
map $http_authorization $${id}_claims {
    default $${id}_network;
    "" "";
}
# A name that may be part of a file's name; what is spelled otherwise is never known.
map "$remote_user $http_authorization" $${id}_name {
    default "-";
    "~\\A(?<${id}_user>[A-Za-z0-9_][A-Za-z0-9._+@-]{0,127}) Basic [A-Za-z0-9+/]+={0,2}\\z" $${id}_user;
}
${digits.map((salt, index) => digitBlock(id, index, salt)).join('')}map $${id}_slow $${id}_slow_guess {
    default "";
    1 all;
}
# What the service hears of: credentials that are not known, and those that are and were wrong.
map "$${id}_known$http_authorization $status" $${id}_told {
    default 0;
    "~\\ABasic " 1;
    "~\\A1.* 401\\z" 1;
}
log_format ${id} '$status $${id}_passed $${id}_name ${hash} $remote_addr';
limit_req_zone $${id}_guesser zone=${id}_guesses:10m rate=${guesses.rate};
limit_req_zone $${id}_slow_guess zone=${id}_slow:64k rate=${slowGuesses.rate};
`;
}
/** Sixteenths of all credentials of a network, by a hash: its digits together tell them apart. */
function digitBlock(id, index, salt) {
    const lines = [...'0123456789abcde'].map(digit => `    6.25% ${digit};\n`).join('');
    return `split_clients "${salt}$${id}_network|$http_authorization" $${id}_${index} {\n${lines}    * f;\n}\n`;
}
/**
 * What belongs in the server: first what is known of the credentials, then the limits, which nginx applies before it looks at
 * the password. Whoever gets 429 does not learn whether it was right.
 */
function brakeServer({ domain }) {
    const id = prefix(domain);
    const hash = digits.map((_, index) => `$${id}_${index}`).join('');
    return `
    access_log syslog:server=unix:${folder(domain)}/log.sock,nohostname,tag=berth ${id} if=$${id}_told;
    set $${id}_passed 0;
    set $${id}_known "";
    set $${id}_slow "";
    set $${id}_guesser $${id}_claims;
    if (-f ${folder(domain)}/known/$${id}_name.${hash}) {
        set $${id}_known 1;
        set $${id}_guesser "";
    }
    if (-f ${folder(domain)}/slow/$${id}_name) { set $${id}_slow 1; }
    if ($${id}_name = "-") { set $${id}_slow 1; }
    # Without the service nobody would ever be known, and all would be held up.
    if (!-d ${folder(domain)}/known) { set $${id}_guesser ""; }
    # Whoever does not guess is never slow.
    if ($${id}_guesser = "") { set $${id}_slow ""; }
    limit_req zone=${id}_guesses burst=${guesses.burst} nodelay;
    limit_req zone=${id}_slow burst=${slowGuesses.burst} nodelay;
    limit_req_status 429;
    limit_req_log_level warn;
    error_page 429 @slower;
    location @slower {
        return 429 '{"errors":[{"code":"TOOMANYREQUESTS","message":"too many passwords from this address that were not seen to be right; try again later"}]}';
    }
`;
}
/** What belongs in the location that comes after the check of the password. */
function brakePassed({ domain }) {
    return `        set $${prefix(domain)}_passed 1;\n`;
}
function isWatching({ active, enabled }) {
    return active && enabled;
}
function unit(domain) {
    return `berth-brake-${domain}`;
}
function folder(domain) {
    return `/run/${unit(domain)}`;
}
/** It writes in its own folder only, and gives what is there to nginx's group: of root's powers it needs that one. */
function serviceUnit(desired) {
    const { domain, directory } = desired;
    return `${shell/* notice */.lm}
[Unit]
Description=Tells nginx whose passwords were right, for the registry ${domain}

[Service]
ExecStart=/usr/bin/perl ${directory}/watcher.pl ${folder(domain)} ${htpasswdFile(desired)} ${directory}/run
RuntimeDirectory=${unit(domain)}
Restart=always
RestartSec=1
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_READ_SEARCH CAP_FOWNER
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateNetwork=yes
MemoryMax=128M

[Install]
WantedBy=multi-user.target
`;
}

// EXTERNAL MODULE: ./node_modules/yaml/dist/index.js
var dist = __webpack_require__(8815);
// EXTERNAL MODULE: ./build/json.js
var json = __webpack_require__(9368);
;// CONCATENATED MODULE: ./build/resources/registry/config.js



/** Minutes in which a registry that is being replaced may finish what it has begun: as long as nginx waits. */
const drainTimeout = '15m';
/** config.yml: what Berth needs, with the user's `registry-config` merged over it. */
function configYaml(desired) {
    return (0,dist/* stringify */.As)(config(desired), { lineWidth: 0 });
}
function config({ registry }) {
    const base = {
        version: 0.1,
        log: { level: 'info', accesslog: { disabled: true } },
        storage: {
            filesystem: { rootdirectory: '/var/lib/registry' },
            cache: { blobdescriptor: 'inmemory' },
            delete: { enabled: true },
        },
        http: {
            net: 'unix',
            // Each generation has a socket of its own, which its environment names.
            addr: '/run/berth/registry.sock',
            // Uploads go on at a path, not at a URL that a proxy could have got wrong.
            relativeurls: true,
            draintimeout: drainTimeout,
        },
        health: { storagedriver: { enabled: true, interval: '10s', threshold: 3 } },
    };
    return merge(base, registry.config);
}
/** Whether images are kept on the server's disk, and not in an object storage that `registry-config` names. */
function onDisk(desired) {
    const { storage } = config(desired);
    return (0,json/* isObject */.Gv)(storage) && storage.filesystem !== undefined;
}
/** What of a configuration makes the registry speak to others. */
const talkative = ['middleware', 'notifications', 'proxy', 'redis', 'reporting'];
/** Whether the registry has anybody to speak to but nginx. */
function needsNetwork(desired) {
    const whole = config(desired);
    const hooks = (0,json/* isObject */.Gv)(whole.log) && whole.log.hooks !== undefined;
    return !onDisk(desired) || hooks || (0,build_desired/* ownAuth */.Lz)(desired) || talkative.some(key => whole[key] !== undefined);
}
/** Maps are merged, key by key; anything else is replaced; `null` takes a key away. */
function merge(base, over) {
    const merged = { ...base };
    for (const [key, value] of Object.entries(over)) {
        const below = merged[key];
        if (value === null)
            delete merged[key];
        else
            merged[key] = (0,json/* isObject */.Gv)(below) && (0,json/* isObject */.Gv)(value) ? merge(below, value) : value;
    }
    return merged;
}

;// CONCATENATED MODULE: ./build/resources/guard/guard.js





/** A service that has nginx refuse uploads while the disk is nearly full. */
const guard = resource({
    name: 'guard',
    units: ({ domain }) => [`${guard_unit(domain)}.service`],
    probe: ({ domain, directory }) => [['guard_probe', guard_unit(domain), directory]],
    read: (facts, { domain }) => ({
        script: facts.file('guard.script'),
        unit: facts.file('guard.unit'),
        guarding: isGuarding(facts.unit(`${guard_unit(domain)}.service`)),
        room: facts.get('guard.room'),
    }),
    warnings: (desired, { room }) => room === '' || !onDisk(desired)
        ? []
        : [
            new build_failure/* Failure */.HR('diskFull', `the disk is nearly full, ${room}; delete what is not needed or enlarge it, for uploads are refused when less than a tenth or 2 GiB is left, whichever is smaller`),
        ],
    steps(desired, seen) {
        const { domain, directory } = desired;
        const script = guardScript(desired);
        const service = guard_serviceUnit(desired);
        const changes = [
            ...fileChanges(`${directory}/guard.sh`, seen.script, script, '644'),
            ...fileChanges(`${guard_unit(domain)}.service`, seen.unit, service, '644'),
            ...(seen.unit && !seen.guarding ? change(true, `start ${guard_unit(domain)}`) : []),
        ];
        if (changes.length === 0)
            return [];
        return [{ resource: 'guard', changes, call: ['guard_up', guard_unit(domain), directory, script, service] }];
    },
    removal: ({ domain, directory }, seen) => seen.unit === undefined
        ? []
        : [
            {
                resource: 'guard',
                changes: [{ action: 'delete', summary: `${guard_unit(domain)}.service` }],
                call: ['guard_down', guard_unit(domain), directory],
            },
        ],
});
/** What belongs before the site's servers: where to look for the guard's word, for requests that take room. */
function guardMaps({ domain }) {
    const uploads = ['POST', 'PUT', 'PATCH'].map(method => `    ${method} ${flag(domain)};\n`).join('');
    return `map $request_method $${prefix(domain)}_full {
    default "";
${uploads}}
`;
}
/**
 * What belongs in the location that proxies. Docker shows a 403's words and does not try again, of a 507 it shows the
 * number only.
 */
function guardLocation({ domain }) {
    return `
        # The disk is nearly full, says berth-guard.
        open_file_cache off;
        if (-f $${prefix(domain)}_full) { return 403 '{"errors":[{"code":"DENIED","message":"no space left: the disk of this registry is nearly full, so nothing can be pushed until something is deleted"}]}'; }
`;
}
function isGuarding({ active, enabled }) {
    return active && enabled;
}
function guard_unit(domain) {
    return `berth-guard-${domain}`;
}
function flag(domain) {
    return `/run/${guard_unit(domain)}/full`;
}
function guardScript(desired) {
    const { domain, directory } = desired;
    const data = onDisk(desired) ? [`${directory}/data`] : [];
    const call = (0,shell/* line */.n8)(['guard', flag(domain), domain, ...data]);
    return `#!/bin/sh\n${shell/* notice */.lm}\n${(0,shell/* library */.Yv)('resources/guard/guard')}\n${call}\n`;
}
/** It needs root to speak to Docker, and of root's powers no other. */
function guard_serviceUnit({ domain, directory }) {
    return `${shell/* notice */.lm}
[Unit]
Description=Guards the disk of the registry ${domain}
After=docker.service
PartOf=docker.service

[Service]
ExecStart=/bin/sh ${directory}/guard.sh
Environment=LC_ALL=C
RuntimeDirectory=${guard_unit(domain)}
Restart=always
RestartSec=5
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_DAC_READ_SEARCH
ProtectSystem=strict
ReadWritePaths=/run
PrivateTmp=yes

[Install]
WantedBy=multi-user.target docker.service
`;
}

;// CONCATENATED MODULE: ./build/resources/site/rights.js


/**
 * Who may pull and push what (`access`), as parts of the site. Each is empty where there are no rules.
 *
 * nginx comes here only after it has checked the password, so that nobody learns a rule who has none.
 */
/** What belongs before the site's servers. */
function rightsMaps({ domain, users, access }) {
    if (users === null || access === undefined)
        return '';
    return ruleMaps(prefix(domain), access, users.map(({ name }) => name));
}
/** What belongs in the location that proxies, before anything is read of the request’s body. */
function rightsLocation({ domain, users, access, }) {
    if (users === null || access === undefined)
        return '';
    const id = prefix(domain);
    return `
        if ($${id}_denied) { return 403 '{"errors":[{"code":"DENIED","message":"$${id}_denied"}]}'; }
        if ($${id}_source_denied) { return 403 '{"errors":[{"code":"DENIED","message":"$${id}_source_denied"}]}'; }
        proxy_set_header Content-Type $${id}_content_type;
`;
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
/**
 * What is asked, with nothing else before it or behind. A name has at most 255 characters, and a query in which a client has
 * something to say some hundreds: what is longer is not matched piece by piece, which would cost a worker 180 ms.
 */
const bounded = '(?=[^?]{1,700}(?:\\?.{0,2000})?\\z)';
function ruleMaps(id, access, names) {
    const lines = (each) => each.map(line => `    ${line}\n`).join('');
    const rules = ruleLines(names, access);
    const everything = groups(names, access)
        .filter(({ rights }) => [...rights.pull, ...rights.push].includes('**'))
        .flatMap(group => chunks(group.names.map(escaped), 2000))
        .map(each => `"~^(?:${each}) list all repositories\\z" "";`);
    const repo = `(?<${id}_repository>${repository})`;
    const asks = (methods, path, what) => `"~^(?:${methods}) ${bounded}${path}\\z" "${what}";`;
    const v2 = `/v2/${repo}`;
    return `# What is asked for, from a list of all that a client may ask; deleting is pushing.
map "$request_method $request_uri" $${id}_asks {
    default "ask for this path";
    ${asks('GET|HEAD', `/(?:v2/?)?${query}`, 'log in')}
    ${asks('GET|HEAD', `/v2/_catalog${query}`, 'list all repositories')}
    ${asks('GET|HEAD', `${v2}/(?:manifests/${reference}|blobs/${reference}|referrers/${reference}|tags/list)${query}`, `pull $${id}_repository`)}
    ${asks('PUT|DELETE', `${v2}/manifests/${reference}${query}`, `push $${id}_repository`)}
    ${asks('DELETE', `${v2}/blobs/${reference}${query}`, `push $${id}_repository`)}
    ${asks('GET|HEAD|PATCH|PUT|DELETE', `${v2}/blobs/uploads/[\\w.=-]+${query}`, `push $${id}_repository`)}
    ${asks('POST', `${v2}/blobs/uploads/${mountQuery}`, `push $${id}_repository`)}
    ${asks('POST', `${v2}/blobs/uploads/${mountFromQuery}`, `push $${id}_repository`)}
}
# A layer may be taken over from another repository.
map "$request_method $request_uri" $${id}_source {
    default "";
    "~^POST ${bounded}[^?]*\\?(?:.*&)?from=(?<${id}_from>[^&]{0,255})(?:&|\\z)" $${id}_from;
}
# The registry would read a form's fields before those of the URL: a layer's source must not hide in a body.
map $request_method $${id}_content_type {
    default $content_type;
    POST application/octet-stream;
}
# The rules. What they do not allow is denied, with these words.
map "$remote_user $${id}_asks" $${id}_denied {
    default "$remote_user may not $${id}_asks";
    "~ log in\\z" "";
${lines([...everything, ...rules])}}
map "$remote_user pull $${id}_source" $${id}_source_denied {
    default "$remote_user may not pull $${id}_source";
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
        const rights = (0,build_desired/* rightsOf */.DY)(name, access);
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

;// CONCATENATED MODULE: ./build/resources/site/nginx.js





/** What differs between versions of nginx: the newest first, each from the version that brought it. */
const dialects = [
    { since: '1.25.1', http2: true },
    { since: '1.19.4', http2: false },
];
/** The oldest nginx that can refuse a stranger without showing a certificate. */
const oldest = '1.19.4';
/** Is there while nginx is about to be reloaded. */
const draining = '/run/berth-draining';
/** The one that a version of nginx understands. */
function dialect(version) {
    return dialects.find(({ since }) => rank(version) >= rank(since)) ?? dialects[1];
}
/** To compare versions: `1.25.1` is 1025001. To compare as a language collates would have Node load all of that first, for 20 ms. */
function rank(version) {
    const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
    return (major * 1000 + minor) * 1000 + patch;
}
/** Port 80: the authority's challenge, and the way to HTTPS. It is all there is before the first certificate. */
function challengeConf(domain, ipv6) {
    return `${shell/* notice */.lm}
server {
    ${listen('80', ipv6)}
    server_name ${domain};
    server_tokens off;
    access_log /var/log/nginx/${domain}.access.log;
    error_log /var/log/nginx/${domain}.error.log;

    location /.well-known/acme-challenge/ { root /var/www/berth; }
    location / { return 301 https://${domain}$request_uri; }
}
`;
}
function listen(port, ipv6) {
    return [`listen ${port};`, ...(ipv6 ? [`listen [::]:${port};`] : [])].join('\n    ');
}
/** Both of Berth's servers, and one for strangers where no other site wants them. */
function siteConf(desired, dialect, { ipv6, others }) {
    const { domain, certificate } = desired;
    const id = prefix(domain);
    const chain = chainFile(desired);
    const key = certificate ? chain : `/etc/letsencrypt/live/${domain}/privkey.pem`;
    const tls = dialect.http2 ? `${listen('443 ssl', ipv6)}\n    http2 on;` : listen('443 ssl http2', ipv6);
    const text = `# The registry's socket, whichever of its containers serves.
upstream ${id} { server unix:${socket(desired)}; }

${guardMaps(desired)}${isLocked(desired) ? brakeMaps(desired) + rightsMaps(desired) : ''}
server {
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
    gzip off;

    # A reload closes connections that are idle, while a client may be about to use one again: HTTP/1.1 can't tell it in
    # time. So shortly before a reload none is kept. HTTP/2 has words of its own for that.
    set $${id}_connection "";
    if (-f ${draining}) { set $${id}_connection close; }
    if ($server_protocol = HTTP/2.0) { set $${id}_connection ""; }
    add_header Connection $${id}_connection always;
    add_header Strict-Transport-Security "max-age=63072000" always;
    add_header X-Content-Type-Options nosniff always;
    add_header Docker-Distribution-Api-Version registry/2.0 always;

    # Layers are as large as they are, and go straight through: a proxy that first writes them to its own disk halves
    # the speed of an upload. In pieces of some size, for with the default of 4 to 64 KB the switching costs more than the work.
    client_max_body_size 0;
    client_body_buffer_size 1m;
    http2_body_preread_size 1m;
    http2_chunk_size 128k;
    chunked_transfer_encoding on;
    client_body_timeout 60s;
    default_type application/json;
${isLocked(desired) ? brakeServer(desired) : ''}
${locations(desired)}}
${stranger(dialect, others, ipv6)}`;
    return `${challengeConf(domain, ipv6)}\n${(0,shell/* withoutComments */.fx)(text)}`;
}
/**
 * nginx lets in whom it finds in the file of users, which it reads in each request, and asks what they may do only then:
 * `try_files` comes after the check of the password, and finds nothing. The registry itself asks nobody.
 */
function locations(desired) {
    if (!isLocked(desired))
        return `    location / {${proxy(desired)}    }\n`;
    return `    location / {
        auth_basic "Registry";
        auth_basic_user_file ${htpasswdFile(desired)};
        root /nonexistent;
        try_files /none @registry;
    }
    error_page 401 @unauthorized;
    location @unauthorized {
        return 401 '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}';
    }
    location @registry {
        auth_basic off;
${brakePassed(desired)}        proxy_set_header Authorization "";
${rightsLocation(desired)}${proxy(desired)}    }
`;
}
function proxy(desired) {
    return `${guardLocation(desired)}
        proxy_pass http://${prefix(desired.domain)};
        proxy_http_version 1.1;
        proxy_request_buffering off;
        proxy_max_temp_file_size 0;
        proxy_buffer_size 256k;
        proxy_buffers 8 256k;
        proxy_busy_buffers_size 512k;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        # nginx has said it already.
        proxy_hide_header Docker-Distribution-Api-Version;
        proxy_connect_timeout 60s;
        proxy_send_timeout 900s;
        proxy_read_timeout 900s;
        send_timeout 900s;
`;
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
function stranger({ http2 }, others, ipv6) {
    const kind = http2 ? 'ssl' : 'ssl http2';
    const listens = [
        ...(others.includes('4') ? [] : [`listen 443 ${kind} default_server;`]),
        ...(others.includes('6') || !ipv6 ? [] : [`listen [::]:443 ${kind} default_server;`]),
    ];
    if (listens.length === 0)
        return '';
    return `
server {
    ${listens.join('\n    ')}
    server_name _;
    ssl_reject_handshake on;
    # A connection for our name may still ask for another.
    return 421;

${protocols}
}
`;
}

;// CONCATENATED MODULE: ./build/resources/certificate/failure.js

/**
 * What kept an authority from giving a certificate, in a sentence; `undefined` if certbot’s own words (`output`) have to
 * do. The patterns are those of certbot 1.12 to 5.5, Let’s Encrypt and Pebble.
 */
function orderFailure({ domain, acme }, output) {
    const host = new URL(acme.server).host;
    const says = (pattern) => pattern.test(output);
    const shown = /^nginx was reloaded, and port 443 still shows another certificate.*$/m.exec(output)?.[0];
    if (shown !== undefined)
        return new build_failure/* Failure */.HR('port', shown);
    if (says(/rateLimited|too many (certificates|new orders|failed|registrations|currently pending)|There were too many requests|<Response \[429\]>/i)) {
        const until = /retry after (\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?: ?UTC|Z)?)/i.exec(output)?.[1];
        return new build_failure/* Failure */.HR('authority', `${host} has issued too many certificates, or seen too many attempts, for ${domain}, and takes the next one ${until ? `after ${until}` : 'in some hours, at the latest after a week'}; run again then, or try with \`acme-server: letsencrypt-staging\` until it works`);
    }
    if (says(/Another instance of Certbot is already running/)) {
        return new build_failure/* Failure */.HR('authority', 'another certbot has been at work on the server for 5 minutes; look at it with `pgrep -a certbot`, end it if it hangs, and run again');
    }
    if (says(/the runner did not give the word/)) {
        return new build_failure/* Failure */.HR('port80', `this runner has not said within 30 s whether it sees http://${domain}, so nothing was ordered; run again`);
    }
    if (says(/externalAccountRequired|external account binding|eab-kid/i)) {
        return new build_failure/* Failure */.HR('authority', acme.eab
            ? `${host} refuses \`acme-eab\`; get a new kid and hmac from it, for many can be used only once`
            : `${host} wants an account that is bound to one of yours; give \`acme-eab\` as kid:hmac`);
    }
    if (says(/:caa\b|CAA record/i)) {
        return new build_failure/* Failure */.HR('authority', `a CAA record forbids ${host} to issue certificates for ${domain}; add one that allows it, or choose another \`acme-server\``);
    }
    if (says(/rejectedIdentifier|Policy forbids|forbidden by policy/i)) {
        return new build_failure/* Failure */.HR('authority', `${host} issues no certificate for ${domain}, by its policy; use another name or another \`acme-server\``);
    }
    if (says(/invalidContact|invalid email|contact email|unsupportedContact/i)) {
        return new build_failure/* Failure */.HR('authority', `${host} does not take ${acme.email ?? 'an account without an address'}; give another \`email\``);
    }
    if (says(/badNonce|invalid anti-replay nonce/i)) {
        return new build_failure/* Failure */.HR('authority', `${host} went on rejecting nonces; the trouble is at its end, so run again later`);
    }
    if (says(/NXDOMAIN|SERVFAIL|no valid A records|problem: DNS|Type: +dns/i)) {
        return new build_failure/* Failure */.HR('authorityView', `${host} can’t resolve ${domain}, though this runner can; a new record takes some time to be seen everywhere, so wait and run again, and see https://dnsviz.net/d/${domain} for DNSSEC errors`);
    }
    if (says(/Type: +connection|Timeout during connect|Fetching http|Error getting validation data/i)) {
        return new build_failure/* Failure */.HR('authorityView', `${host} can’t reach http://${domain} on port 80, though this runner can; open the firewall for everyone, for the authority asks from several places`);
    }
    if (says(/Type: +unauthorized|Invalid response from http/i)) {
        return new build_failure/* Failure */.HR('authorityView', `${host} got another answer than this server’s from http://${domain}; does the name point somewhere else in other parts of the world, or is a proxy in front?`);
    }
    if (says(/CERTIFICATE_VERIFY_FAILED|certificate verify failed/)) {
        return new build_failure/* Failure */.HR('trust', `the server does not trust ${host}, whose certificate is from a private authority; give that as \`ca\``);
    }
    if (says(/NameResolutionError|Name or service not known|Temporary failure in name resolution|No address associated/)) {
        return new build_failure/* Failure */.HR('authority', `the server can’t resolve ${host}; is \`acme-server\` right, and does DNS work on the server (\`getent hosts ${host.replace(/:\d+$/, '')}\`)?`);
    }
    if (says(/Connection refused|Connection reset|Network is unreachable|No route to host|ConnectTimeout|Read timed out|timed out|Max retries exceeded|RemoteDisconnected|Service Unavailable|Bad Gateway|serverInternal|<Response \[5\d\d\]>/i)) {
        return new build_failure/* Failure */.HR('authority', `${host} does not answer the server, or is out of order; see its status page, and run again in an hour`);
    }
    if (says(/<Response \[404\]>|Expecting value|JSONDecodeError/)) {
        return new build_failure/* Failure */.HR('authority', `${host} answers, but not as an ACME server does; is \`acme-server\` the URL of its directory?`);
    }
    if (says(/No space left on device/))
        return new build_failure/* Failure */.HR('diskFull', 'the server’s disk is full; make room on it and run again');
    return undefined;
}

;// CONCATENATED MODULE: ./build/resources/certificate/certificate.js






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
const certificate = resource({
    name: 'certificate',
    libraries: ['certificate', 'order'],
    probe: ({ domain, directory }) => [
        ['certificate_probe', domain, directory, String(Math.floor(Date.now() / 1000))],
    ],
    read: readLineage,
    failures: (_, { clock }) => clock === 'right'
        ? []
        : [
            new build_failure/* Failure */.HR('clock', `the server’s clock shows ${clock}, more than a day off, and no certificate would be valid there; set it, for instance with \`timedatectl set-ntp true\`, and run again`),
        ],
    steps(desired, seen) {
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
    explain: orderFailure,
});
/** The call that orders a certificate, by any of the functions that take these arguments. */
function order({ domain, acme }, { ipv6 }, name = 'certificate_order') {
    return [
        name,
        domain,
        acme.server,
        [acme.email, acme.eab?.kid, acme.eab?.hmac].map(each => each ?? '-').join(' '),
        acme.ca ?? '',
        challengeConf(domain, ipv6),
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

// EXTERNAL MODULE: external "node:dns"
var external_node_dns_ = __webpack_require__(610);
// EXTERNAL MODULE: external "node:http"
var external_node_http_ = __webpack_require__(7067);
// EXTERNAL MODULE: external "node:net"
var external_node_net_ = __webpack_require__(7030);
;// CONCATENATED MODULE: ./build/resources/certificate/preflight.js




/** Milliseconds until an address counts as silent, and for how long a wrong answer may still turn into the right one. */
const silence = 6_000;
const settling = 3_000;
/** Errors of a machine that has no way to IPv6 at all, as GitHub's hosted runners. */
const noRoute = ['ENETUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'];
const network = { records, port: 80 };
/** Looks at the server before an order as the certificate authority will: by its name, from outside, on port 80. */
class Preflight {
    #domain;
    #network;
    #addresses = [];
    constructor(domain, own = {}) {
        this.#domain = domain;
        this.#network = { ...network, ...own };
    }
    /**
     * Returns the addresses of the name. Throws a sentence if it leads nowhere, for then no order can succeed. `local` are the
     * server's own addresses.
     */
    async resolve(local) {
        const here = local.length > 0 ? `; this server has ${local.join(', ')}` : '';
        try {
            this.#addresses = await this.#network.records(this.#domain);
        }
        catch (error) {
            throw new build_failure/* Failure */.HR('dns', `${unresolved(this.#domain, error)}${here}`);
        }
        for (const address of this.#addresses) {
            if (unreachable(address)) {
                throw new build_failure/* Failure */.HR('dns', `the ${kind(address)} record of ${this.#domain} is ${address}, which no certificate authority can reach; make it the server’s public address${here}`);
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
        const looks = await Promise.all(this.#addresses.map(address => this.#look(address, path, token)));
        const failure = (0,build_failure/* joined */.oR)(looks.filter(each => each !== undefined));
        if (failure)
            return failure;
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
            ? 'open port 80 to everyone there, in the firewall of the server and of its provider'
            : `does it point to this server${server}? If not, correct or remove the record; if so, open port 80 to everyone`;
        const until = Date.now() + settling;
        for (;;) {
            try {
                const { status, body } = await this.#get(address, path);
                if (status === 200 && body === token)
                    return undefined;
                if (Date.now() > until) {
                    return new build_failure/* Failure */.HR(own ? 'rival' : 'dns', `${record} points to a web server that answers ${status} instead of this server’s token; ${own ? 'does another site have the same name, or is something else in front of nginx?' : `point it to this server${server}`}`);
                }
            }
            catch (error) {
                const { code = '', message } = error;
                // The server's own IPv6 address is not translated by anything on the way, so that it is its own is all one can know.
                if ((0,external_node_net_.isIP)(address) === 6 && noRoute.includes(code) && own)
                    return undefined;
                if (Date.now() > until || code === 'ETIMEDOUT') {
                    return new build_failure/* Failure */.HR('port80', `${record} ${silenceOf(code, message)}; ${mend}`);
                }
            }
            await new Promise(resolve => setTimeout(resolve, 250));
        }
    }
    #get(address, path) {
        return new Promise((resolve, reject) => {
            const outgoing = (0,external_node_http_.request)({
                host: address,
                port: this.#network.port,
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
            return `the name ${domain} does not exist in DNS; add an A record (and an AAAA record if the server has IPv6) that points to the server`;
        case 'ENODATA':
            return `the name ${domain} has neither an A nor an AAAA record; add one that points to the server`;
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
/** How an address fails to answer, after its name. */
function silenceOf(code, message) {
    if (noRoute.includes(code))
        return 'can’t be reached from this runner and is not an address of the server';
    if (code === 'ECONNREFUSED')
        return 'refuses connections on port 80';
    if (code === 'ETIMEDOUT')
        return 'does not answer on port 80';
    return `can’t be asked on port 80 (${code || message})`;
}
function timedOut() {
    return Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' });
}

// EXTERNAL MODULE: ./build/server/protocol.js
var protocol = __webpack_require__(6824);
;// CONCATENATED MODULE: ./build/server/facts.js



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
        const lines = output.split('\n').filter(protocol/* isMarker */.rg);
        if (lines.pop() !== (0,protocol/* marker */.xL)('end'))
            throw new build_failure/* Failure */.HR('connectionLost', 'the server’s answer was cut off; run the workflow again');
        return new Facts(lines);
    }
    static of(values) {
        return new Facts(Object.entries(values).map(([name, value]) => (0,protocol/* marker */.xL)(name, value)));
    }
    /** The value of a fact. Throws if the server did not tell it. */
    get(name) {
        const value = this.#values.get(name);
        if (value === undefined)
            throw new build_failure/* Failure */.HR('connectionLost', `the server did not say “${name}”; run the workflow again`);
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
            throw changing();
        return { mode: seen.mode, owner: owner === '%u:%g' ? seen.ids : seen.names, content: seen.content };
    }
}
function split(line) {
    const at = line.indexOf('=');
    return [line.slice((0,protocol/* marker */.xL)('').length, at), line.slice(at + 1)];
}
function changing() {
    return new build_failure/* Failure */.HR('busy', 'somebody changed the server’s files while Berth looked at them; is another workflow at work there? If not, run again');
}
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
        throw changing();
    return files;
}

;// CONCATENATED MODULE: ./build/resources/packages/packages.js


const programs = ['docker', 'nginx', 'certbot'];
/** The programs that Berth stands on: Docker, nginx and certbot. */
const packages_packages = resource({
    name: 'packages',
    probe: () => [['packages_probe']],
    read: facts => ({
        missing: programs.filter(program => !facts.is(`packages.${program}`)),
        halves: facts.get('packages.halves').split(' ').filter(Boolean),
        apt: facts.is('packages.apt-get'),
    }),
    failures({ install }, { missing, apt }) {
        if (missing.length === 0 || (install && apt))
            return [];
        const list = missing.join(', ');
        const sentence = install
            ? `the server lacks ${list} and has no apt-get to install them with; install them by hand and run again`
            : `the server lacks ${list}; install them, or let Berth do it with \`install: true\``;
        return [new build_failure/* Failure */.HR('serverProgram', sentence)];
    },
    steps: (_, { missing, halves }) => missing.length === 0 && halves.length === 0
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
            return new build_failure/* Failure */.HR('serverProgram', `that would remove ${removed.trim().split(/\s+/).join(', ')}, which is not Berth’s; remove it or install what is missing by hand, and run again`);
        const locked = /locked by (another process|\S+ process with)|Could not get lock /.test(output);
        if (!locked)
            return undefined;
        return new build_failure/* Failure */.HR('packageManager', `another package manager${holder(output)} has been at work on the server for five minutes; wait until it has ended, and run again`);
    },
});
/** Who has the lock, as dpkg and apt say it: newer ones tell the program too. */
function holder(output) {
    const [, program, pid] = /locked by (?:another process|(\S+) process) with pid (\d+)/.exec(output) ?? [];
    const [, id = pid, name = program] = /held by process (\d+) \((\S+)\)/.exec(output) ?? [];
    return id === undefined ? '' : ` (${name === undefined ? '' : `${name}, `}process ${id})`;
}

;// CONCATENATED MODULE: ./build/resources/registry/generation.js




function generation(desired) {
    const start = startScript(desired);
    const config = configYaml(desired);
    const name = (0,external_node_crypto_.createHash)('sha256')
        .update(JSON.stringify([start, config]))
        .digest('hex')
        .slice(0, 8);
    return { name, start, config };
}
/** Each file that a slow disk keeps waiting holds a thread; a registry without load has about ten. */
const maxThreads = 2048;
/**
 * Starts the registry on a socket; nothing is published. The script stands in the folder of its generation, and takes that one's name from there. It can be run by hand.
 *
 * Memory is what a registry that goes wrong may take from the machine, far above what a busy one needs: layers go through
 * it in pieces of 32 KiB, but a driver for object storage keeps pieces of 10 MiB for each upload. Two generations at once
 * leave the machine a fifth of its memory.
 */
function startScript(desired) {
    const { domain, directory, registry } = desired;
    const [uid] = account.split(':');
    return `#!/bin/sh
${shell/* notice */.lm}
folder=$(cd "$(dirname "$0")" && pwd)
generation=\${folder##*/}
memory=$(awk '$1 == "MemTotal:" { m = int($2 / 1024 * 0.4); print (m < 1024 ? m : 1024) }' /proc/meminfo)
exec docker run --detach --name "${container(domain)}-$generation" --label ${(0,shell/* quote */.hD)(`berth.domain=${domain}`)} --restart always \\
  --user "${uid}:$(stat -c %g ${(0,shell/* quote */.hD)(`${directory}/run`)})" --userns host --network ${needsNetwork(desired) ? 'bridge' : 'none'} \\
  --read-only --tmpfs /tmp:size=64m --cap-drop ALL --security-opt no-new-privileges \\
  --memory "\${memory}m" --env GOMEMLIMIT="$((memory * 3 / 4))MiB" --pids-limit ${maxThreads} \\
  --log-driver json-file --log-opt max-size=10m --log-opt max-file=3 \\
  --env-file ${(0,shell/* quote */.hD)(`${directory}/secret.env`)} --env OTEL_TRACES_EXPORTER=none \\
  --env REGISTRY_HTTP_ADDR="/run/berth/$generation.sock" \\
  --volume "$folder/config.yml:/etc/berth/config.yml:ro" \\
  --volume ${(0,shell/* quote */.hD)(`${directory}/run:/run/berth`)} --volume ${(0,shell/* quote */.hD)(`${directory}/data:/var/lib/registry`)} \\
  --entrypoint /bin/sh ${(0,shell/* quote */.hD)(registry.image)} -c 'umask 0007 && exec registry serve /etc/berth/config.yml'
`;
}

;// CONCATENATED MODULE: ./build/resources/registry/registry.js




const dockerUnit = 'docker.service';
/** The registry: generations of a container and its configuration, and the images. */
const registry = resource({
    name: 'registry',
    libraries: ['registry', 'adoption'],
    units: () => [dockerUnit],
    probe: ({ domain, directory, adopt }) => [
        ['registry_probe', directory, container(domain), domain],
        ['adoption_probe', directory, adopt ? 'wanted' : ''],
    ],
    read(facts) {
        const [status = '', restart = ''] = facts.get('registry.container').split(' ');
        return {
            domain: facts.get('registry.domain'),
            parents: list(facts.get('registry.parents'), ';').map(registry_folder),
            generation: facts.get('registry.generation'),
            start: facts.file('registry.start'),
            config: facts.file('registry.config'),
            ...{ status, restart },
            leftovers: list(facts.get('registry.leftovers')),
            secret: facts.is('registry.secret'),
            data: facts.get('registry.data'),
            group: { socket: facts.get('registry.group'), nginx: facts.get('site.group') },
            enabled: facts.unit(dockerUnit).enabled,
            published: facts.get('registry.published'),
            predecessors: list(facts.get('registry.predecessors')),
        };
    },
    failures(desired, { domain, parents, predecessors }) {
        const { directory, adopt } = desired;
        return [
            ...(domain === '' || domain === desired.domain
                ? []
                : [
                    new build_failure/* Failure */.HR('rival', `${directory} belongs to the registry ${domain}; give ${desired.domain} a \`directory\` of its own`),
                ]),
            ...parents.flatMap(parent => parentFailure(parent, directory)),
            ...(adopt && predecessors.length > 1
                ? [
                    new build_failure/* Failure */.HR('rival', `there are several registries to adopt, ${predecessors.join(', ')}; stop all but the right one`),
                ]
                : []),
        ];
    },
    warnings: ({ adopt }, { generation, predecessors, published }) => adopt || generation !== '' || published !== 'absent' || predecessors.length === 0
        ? []
        : [
            new build_failure/* Failure */.HR('rival', `container ${predecessors.join(', ')} on this server is a registry that somebody set up by hand, and Berth starts an empty one beside it; to take over its images and users instead, set \`adopt: true\``),
        ],
    steps(desired, seen) {
        const { directory, domain, adopt } = desired;
        const wanted = generation(desired);
        const changes = changesTo(desired, wanted, seen);
        const steps = [];
        const [predecessor] = seen.predecessors;
        if (changes.length > 0) {
            const made = [directory, domain, wanted.name, wanted.start, wanted.config];
            steps.push({
                resource: 'registry',
                changes,
                call: adopt && predecessor !== undefined ? ['registry_adopt', ...made] : ['registry_up', ...made],
            });
        }
        if (seen.published !== 'absent') {
            steps.push({
                resource: 'registry',
                changes: [{ action: 'delete', summary: `container ${container(domain)}, which published a port` }],
                call: ['registry_retire_published', directory, container(domain), domain],
                // It serves until nginx has the socket.
                after: 'site',
            });
        }
        return steps;
    },
    explain(_, output) {
        const engine = /^Docker does not start: (.*)$/m.exec(output)?.[1];
        if (engine !== undefined)
            return new build_failure/* Failure */.HR('serverDocker', `Docker does not start on the server (${engine}); mend that until \`systemctl start docker\` succeeds there, and run again`);
        if (/exec: "\/bin\/sh": .*no such file/.test(output))
            return new build_failure/* Failure */.HR('registryStart', 'the image in `registry-image` has no /bin/sh, which opens the registry’s socket to nginx; use an image of registry 2.8 or 3.x that has a shell, such as the official one');
        const full = /^\S+ holds images already; .*$/m.exec(output)?.[0];
        if (full !== undefined)
            return new build_failure/* Failure */.HR('rival', full);
        // What Docker said before that only hides it.
        const words = /^the (new )?registry (serves as before|does not start)\b.*/ms
            .exec(output)?.[0]
            .trimEnd()
            .replaceAll('\n', '\n  ');
        return words === undefined ? undefined : new build_failure/* Failure */.HR('registryStart', words);
    },
    removal({ directory, domain, purge }, { status, generation, leftovers, published, data }) {
        const steps = [];
        if (status !== 'absent' || generation !== '' || leftovers.length > 0 || published !== 'absent') {
            steps.push({
                resource: 'registry',
                changes: [{ action: 'delete', summary: `container ${container(domain)}-${generation}` }],
                call: ['registry_down', directory, container(domain), domain],
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
});
function changesTo(desired, wanted, seen) {
    const { directory, registry, adopt } = desired;
    const folder = `${directory}/generations/${wanted.name}`;
    const files = [
        ...fileChanges(`${folder}/start`, seen.start, wanted.start, '755'),
        ...fileChanges(`${folder}/config.yml`, seen.config, wanted.config, '600', account),
    ];
    const [predecessor] = seen.predecessors;
    if (adopt && predecessor !== undefined) {
        return [
            ...files,
            {
                action: 'update',
                summary: `take over container ${predecessor} with its images; it stays, stopped`,
            },
        ];
    }
    if (seen.generation === '')
        return [...files, ...change(false, `start ${registry.image}`)];
    const reasons = [
        files.some(({ file }) => file) && 'its settings have changed',
        files.some(({ file }) => !file) && 'others could read or change its settings',
        seen.status === 'absent' && 'it is gone',
        !['absent', 'running'].includes(seen.status) && `it is ${seen.status}`,
        seen.status !== 'absent' && seen.restart !== 'always' && 'it would not restart by itself',
        seen.leftovers.length > 0 && 'an earlier change was cut off',
        !seen.secret && 'its secret is gone',
        seen.data !== account && 'its images belong to another account',
        seen.group.nginx !== '' && seen.group.socket !== seen.group.nginx && 'nginx can’t reach its socket',
        !seen.enabled && 'Docker does not start with the machine',
    ].filter(reason => typeof reason === 'string');
    return reasons.length === 0
        ? files
        : [
            ...files,
            ...change(true, `replace the container with a new one of ${registry.image}, because ${reasons.join(', ')}`),
        ];
}
/** Whoever may write to a parent of the directory could put there what root runs; nginx’s workers must get through it. */
function parentFailure({ path, owner, mode }, directory) {
    const bits = Number.parseInt(mode, 8);
    const choose = 'choose another `directory`, such as /opt/berth';
    if (owner !== '0')
        return [
            new build_failure/* Failure */.HR('input', `the user ${owner} owns ${path} and could become root through it; make root its owner (\`chown root ${path}\`), or ${choose}`),
        ];
    if ((bits & 0o022) !== 0)
        return [
            new build_failure/* Failure */.HR('input', `users other than root can write to ${path} and could become root through it; forbid that (\`chmod go-w ${path}\`), or ${choose}`),
        ];
    if ((bits & 0o001) === 0)
        return [
            new build_failure/* Failure */.HR('input', `nginx can’t get to ${directory}, for ${path} is closed to others; open it (\`chmod o+x ${path}\`), or ${choose}`),
        ];
    return [];
}
function registry_folder(text) {
    const [owner = '', mode = '', path = ''] = text.split(' ');
    return { owner, mode, path };
}
function list(text, separator = ' ') {
    return text.split(separator).filter(each => each !== '');
}

;// CONCATENATED MODULE: ./build/resources/renewal/conf.js
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

;// CONCATENATED MODULE: ./build/resources/renewal/timer.js


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
const hook = `#!/bin/sh\n${shell/* notice */.lm}\n${(0,shell/* library */.Yv)('resources/site/reload')}\n${(0,shell/* library */.Yv)('resources/renewal/hook')}`;
// ExecStopPost runs after a failed round too.
// What nginx did not take at a renewal, it takes now.
const care = `${shell/* notice */.lm}
[Service]
ExecStopPost=/etc/letsencrypt/renewal-hooks/deploy/berth
`;
// The system’s authorities come with it, as they are at that time: the service renews the other certificates of the server too.
// The authorities of `ca`, besides the system's own.
const trust = `${shell/* notice */.lm}
[Service]
ExecStartPre=/bin/sh -c 'cat /etc/ssl/certs/ca-certificates.crt /etc/letsencrypt/berth/authorities/*.pem >/run/berth-authorities.pem'
Environment=REQUESTS_CA_BUNDLE=/run/berth-authorities.pem
`;
// As Debian has it for a certbot that comes with a timer; the timer has a random delay already.
const service = `${shell/* notice */.lm}
[Unit]
Description=Renew certificates with certbot
[Service]
Type=oneshot
ExecStart=/usr/bin/env certbot --quiet renew --no-random-sleep-on-renew
`;
const timer = `${shell/* notice */.lm}
[Unit]
Description=Renew certificates with certbot, twice a day
[Timer]
OnCalendar=*-*-* 00,12:00:00
RandomizedDelaySec=43200
Persistent=true
[Install]
WantedBy=timers.target
`;

;// CONCATENATED MODULE: ./build/resources/renewal/renewal.js







/** The certificate is the right one, is served, and the server renews it by itself. */
const renewal = resource({
    name: 'renewal',
    units: () => timerUnits,
    probe: ({ domain }) => [['renewal_probe', domain]],
    read: facts => ({ ...readTimer(facts), lineage: readLineage(facts) }),
    steps(desired, seen) {
        const { domain, directory, certificate } = desired;
        if (certificate) {
            const leaf = new external_node_crypto_.X509Certificate(certificate.chain);
            return serve(domain, ownFile(directory), leaf.fingerprint256, seen.lineage);
        }
        return [...timerSteps(desired, seen), ...current(desired, seen.lineage)];
    },
    explain: orderFailure,
    removal: ({ domain }, seen) => seen.hook === undefined
        ? []
        : [
            {
                resource: 'renewal',
                changes: [{ action: 'delete', summary: 'the hook that reloads nginx' }],
                call: ['renewal_unhook', siteFile(domain)],
            },
        ],
});
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
        ? 'order again, because certbot has lost the settings to renew it'
        : server !== acme.server
            ? `order from ${acme.server}, because it came from ${server}`
            : !leaf.checkHost(domain)
                ? `order again, because it does not cover ${domain}`
                : leaf.validToDate.getTime() < now
                    ? `order again, because it expired on ${leaf.validToDate.toISOString()}`
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
            changes: change(true, `renew, because it is only valid until ${until}`),
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

;// CONCATENATED MODULE: ./build/resources/site/site.js




const nginxUnit = 'nginx.service';
/** Berth's own nginx site. */
const site = resource({
    name: 'site',
    libraries: ['site', 'reload'],
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
    failures({ domain, adopt }, { holders, rival, shared, nginx }) {
        const old = nginx !== '' && rank(nginx) < rank(oldest)
            ? [
                new build_failure/* Failure */.HR('serverProgram', `the server’s nginx is ${nginx}, and ${oldest} is the oldest that will do; update it`),
            ]
            : [];
        const taken = holders
            .filter(({ holder }) => holder !== '' && holder !== 'program nginx')
            .map(({ port, holder }) => new build_failure/* Failure */.HR('port', `port ${port} is taken by ${holder}, and nginx needs it; stop it or move it to another port`));
        if (rival === '' || (adopt && !shared))
            return [...old, ...taken];
        const sentence = shared
            ? `${rival} serves ${domain} together with other names; move ${domain} out of it`
            : `${rival} serves ${domain} already; replace it by \`adopt: true\`, or take it away`;
        return [...old, ...taken, new build_failure/* Failure */.HR('rival', sentence)];
    },
    check: ({ domain }) => ['site_check', siteFile(domain), domain],
    steps(desired, seen) {
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
    explain(_, output) {
        const words = /^nginx was told to reload and keeps .*/ms.exec(output)?.[0].trimEnd();
        if (words === undefined)
            return undefined;
        const address = /bind\(\) to (\S+) failed/.exec(words)?.[1];
        return new build_failure/* Failure */.HR(address === undefined ? 'nginx' : 'port', address === undefined
            ? words.replaceAll('\n', '\n  ')
            : `nginx can’t listen on ${address}, for a site or a program of the server does already; the site was taken back, so see who it is with \`nginx -T | grep listen\` and \`ss -ltnp\`, and run again`);
    },
    removal: ({ domain }, { file }) => file === undefined
        ? []
        : [
            {
                resource: 'site',
                changes: [{ action: 'delete', summary: siteFile(domain) }],
                call: ['site_remove', siteFile(domain)],
            },
        ],
});

// EXTERNAL MODULE: ./node_modules/bcryptjs/index.js
var bcryptjs = __webpack_require__(6242);
;// CONCATENATED MODULE: ./build/resources/users/htpasswd.js


/**
 * The file that lets exactly these users in, in their order. A line that is still right is kept byte for byte, so that
 * whoever did not change is not disturbed. It is known to be right by its seal, or else by checking the password.
 */
function htpasswd(users, current, sealKey) {
    const entries = htpasswd_parse(current);
    const isSealed = (user, { line, seals }) => sealKey !== undefined && seals.includes(seal(sealKey, user, line));
    const result = { content: '', narrowed: '', revoked: [], added: [], kept: [], gone: [] };
    for (const user of users) {
        const { name, password } = user;
        const entry = entries.get(name);
        entries.delete(name);
        const hash = entry?.line.slice(name.length + 1) ?? '';
        const same = entry !== undefined && (isSealed(user, entry) || verifies(password, hash));
        let line = entry?.line ?? '';
        if (!same || !suits(user, hash)) {
            line = `${name}:${hashed(user)}`;
            if (entry !== undefined && opens(entry.line))
                result.gone.push(entry.line);
        }
        if (same)
            result.kept.push(name);
        else if (entry === undefined) {
            result.added.push({ action: 'create', summary: `add ${name}`, subject: name });
        }
        else {
            result.revoked.push({ action: 'update', summary: `new password for ${name}`, subject: name });
        }
        const seals = line === entry?.line ? entry.seals : [];
        const lines = `${user.strong ? '' : sealed(user, line, seals, sealKey)}${line}\n`;
        result.content += lines;
        if (entry !== undefined)
            result.narrowed += lines;
    }
    for (const [name, { line }] of entries) {
        // A damaged file may hold anything, and most of that is nobody.
        if (!/^[^#:\0\uFFFD]+:/.test(line))
            continue;
        const subject = printable(name);
        result.revoked.push({ action: 'delete', summary: `revoke ${subject}`, subject });
        if (opens(line))
            result.gone.push(line);
    }
    return result;
}
/** Entries by name. As for nginx, the first line of a name counts. */
function htpasswd_parse(content) {
    const entries = new Map();
    let seals = [];
    for (const line of content.split('\n')) {
        const comment = /^# sealed((?: [\w-]{43})+)$/.exec(line)?.[1];
        const name = line.split(':', 1)[0] ?? '';
        if (comment === undefined && line !== '' && !entries.has(name))
            entries.set(name, { line, seals });
        seals = comment?.trim().split(' ') ?? [];
    }
    return entries;
}
/**
 * nginx checks the hash in every request, hundreds of times in a push. A password that a machine made out of 128 bits of
 * chance or more can’t be guessed however fast one can try, so it is kept as GitHub and AWS keep their tokens and NIST SP
 * 800-63B allows for such secrets: salted, by a hash that takes a microsecond. What a person may have thought of needs
 * all the help that it can get: see `cost`.
 */
function hashed({ password, strong }) {
    return strong ? ssha(password, (0,external_node_crypto_.randomBytes)(16)) : (0,bcryptjs/* hashSync */.Y8)(password, cost);
}
/**
 * Of bcrypt. nginx’s worker does nothing else while it checks a password: 19 ms at this cost on a core that needs 1.2 ms for
 * cost 4, and twice that with each step up. More would hold up everybody else.
 */
const cost = 8;
/** RFC 2307: the SHA-1 of password and salt, and the salt, in base64. Of the fast hashes it is nginx’s only one with a salt. */
function ssha(password, salt) {
    const digest = (0,external_node_crypto_.createHash)('sha1').update(password).update(salt).digest();
    return `{SSHA}${Buffer.concat([digest, salt]).toString('base64')}`;
}
const sha1Bytes = 20;
const bcrypt = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
function verifies(password, hash) {
    if (bcrypt.test(hash))
        return (0,bcryptjs/* compareSync */.Dm)(password, hash);
    if (!hash.startsWith('{SSHA}'))
        return false;
    const wanted = Buffer.from(hash.slice('{SSHA}'.length), 'base64');
    if (wanted.length <= sha1Bytes)
        return false;
    const found = Buffer.from(ssha(password, wanted.subarray(sha1Bytes)).slice('{SSHA}'.length), 'base64');
    return (0,external_node_crypto_.timingSafeEqual)(wanted, found);
}
/** Whether a hash is neither weaker nor slower than its password needs. */
function suits({ strong }, hash) {
    return strong ? hash.startsWith('{SSHA}') : Number(bcrypt.exec(hash)?.[1]) === cost;
}
/**
 * A seal says that a line was made for this password: bcrypt is slow by design, and to ask it about many users who did not
 * change would take seconds in every run.
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
/** The comment before a line; nginx skips it. */
function sealed(user, line, seals, key) {
    const own = key && seal(key, user, line);
    const all = own === undefined || seals.includes(own) ? seals : [own, ...seals].slice(0, maxSeals);
    return all.length === 0 ? '' : `# sealed ${all.join(' ')}\n`;
}
/** Whether nginx might let somebody in by a line. */
function opens(line) {
    return /^[^#:\0]+:[^\0]+$/.test(line);
}
// A name that a person wrote into the file may hold anything, terminal escapes too.
function printable(name) {
    return name.replace(/[^\w.@+-]/g, '?');
}

;// CONCATENATED MODULE: ./build/resources/users/users.js




/**
 * Who may log in. What the `users` input says is the whole truth.
 *
 * Nobody must have more rights for a moment than before or after: so whoever loses access goes before the site changes, and
 * whoever is new comes after it.
 */
const users = resource({
    name: 'users',
    probe: ({ adopt, directory }) => [['users_probe', directory, adopt ? 'adopt' : '']],
    read: facts => ({
        file: facts.file('users.htpasswd'),
        before: facts.file('users.before'),
        group: facts.get('site.group'),
    }),
    steps(desired, { file, before, group }) {
        const { directory } = desired;
        const users = wanted(desired);
        if (users === null) {
            return file === undefined
                ? []
                : [
                    {
                        resource: 'users',
                        changes: [{ action: 'delete', summary: 'everybody: nginx asks nobody any more' }],
                        call: ['users_remove', directory],
                        after: 'site',
                    },
                ];
        }
        const current = file?.content ?? before?.content ?? '';
        const { content, narrowed, revoked, added, kept, gone } = htpasswd(users, current, desired.sealKey);
        const path = htpasswdFile(desired);
        const narrowing = [
            ...revoked,
            ...(file === undefined && kept.length > 0
                ? users_change('create', `${path}, with the users that there are`)
                : []),
            ...(file && revoked.length + added.length === 0 && narrowed !== current
                ? users_change('update', `rewrite ${path}, with the same users`)
                : []),
            ...(file && revoked.length + added.length === 0 && isOpen(file, group)
                ? users_change('update', `make ${path} readable by root and nginx only`)
                : []),
        ];
        const steps = [];
        if (narrowing.length > 0) {
            steps.push({
                resource: 'users',
                changes: narrowing,
                call: ['users_write', directory, narrowed, ...gone],
                ...(kept.length > 0 && { keeps: `keep ${names(kept)}` }),
            });
        }
        if (added.length > 0) {
            steps.push({
                resource: 'users',
                changes: added,
                call: ['users_write', directory, content],
                after: 'site',
                ...(narrowing.length === 0 && kept.length > 0 && { keeps: `keep ${names(kept)}` }),
            });
        }
        return steps;
    },
});
/** Whether others than root and nginx may read it, or nginx may not. Writing it puts that right. */
function isOpen({ mode, owner }, group) {
    return mode !== '640' || (group !== '' && owner !== `root:${group}`);
}
/** Whom nginx is to ask for a password: nobody if the registry is open, or asks for itself. */
function wanted(desired) {
    return (0,build_desired/* ownAuth */.Lz)(desired) ? null : desired.users;
}
function users_change(action, summary) {
    return [{ action, summary }];
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

;// CONCATENATED MODULE: ./build/converge/plan.js











/** All that Berth owns on a server, each after what it stands on. */
const resources = [packages_packages, users, registry, certificate, brake, site, renewal, guard];
const libraries = [
    'server/protocol',
    'server/facts',
    ...resources.flatMap(({ name, libraries = [name] }) => libraries.map(each => `resources/${name}/${each}`)),
];
/** The steps from what the server is to what it should be. Throws, naming all that is in the way. */
const planUp = (desired, facts) => plan(desired, facts, resources);
/** The steps that keep the certificate valid: the rest of the server is `up`'s. */
const planRenewal = (desired, facts) => plan(desired, facts, [certificate, renewal]);
/** The steps that take the registry away: the last that was built goes first. */
const planDown = (desired, facts) => ({
    steps: resources.toReversed().flatMap(resource => resource.look(desired, facts).removal()),
    warnings: [],
});
function plan(desired, facts, resources) {
    const looks = resources.map(resource => resource.look(desired, facts));
    const failure = (0,build_failure/* joined */.oR)(looks.flatMap(({ failures }) => failures));
    if (failure)
        throw failure;
    return {
        steps: inOrder(looks.flatMap(look => look.steps())),
        warnings: looks.flatMap(({ warnings }) => warnings),
    };
}
/** Each step that is to come after another resource’s is put there. */
function inOrder(steps) {
    const ordered = steps.filter(({ after }) => after === undefined);
    for (const step of steps) {
        if (step.after === undefined)
            continue;
        const names = resources
            .slice(0, resources.findIndex(({ name }) => name === step.after) + 1)
            .map(({ name }) => name);
        const last = ordered.findLastIndex(({ resource, after }) => names.includes(resource) || after === step.after);
        ordered.splice(last + 1, 0, step);
    }
    return ordered;
}
/** What a failed step means; `undefined` if its resource doesn't know better than the programs. */
function explain(desired, { resource }, output) {
    return resources.find(({ name }) => name === resource)?.explain?.(desired, output);
}
/** The read-only script whose answer `Facts.parse` reads. */
function factsScript(desired) {
    return (0,shell/* compose */.Zz)(libraries, [...probes(desired), `echo ${(0,protocol/* marker */.xL)('end')}`]);
}
/** Seconds that a run waits for another one on the same server. */
const lockSeconds = 900;
/** The script that takes the steps, if the facts still hold once it has the server for itself. */
function applyScript(desired, facts, steps) {
    const checks = resources.flatMap(resource => (resource.check ? [resource.check(desired)] : []));
    return (0,shell/* compose */.Zz)(['server/apply', ...libraries], [
        'look() {',
        ...probes(desired),
        '}',
        `DISKS=${(0,shell/* quote */.hD)(['/', '/etc', '/etc/letsencrypt', '/run', '/var', '/var/lib/docker', desired.directory].join(' '))}`,
        `lock ${lockSeconds}`,
        `still ${facts.checksum} look`,
        ...checks.map(call => (0,shell/* line */.n8)(['step', '0', ...call])),
        ...steps.map(({ resource, call }, index) => {
            const waits = steps[index + 1]?.beside !== resource;
            return (0,shell/* line */.n8)([waits ? 'step' : 'begin', `${index + 1}`, ...call]);
        }),
        'tell end ok',
    ]);
}
/**
 * Looks at all resources at once, for most of their time is spent on starting programs: a pipeline, in which each probe
 * says what it has seen and then passes on what those before it said, so that no two lines get mixed. `files` comes last.
 */
function probes(desired) {
    const units = resources.flatMap(resource => resource.units?.(desired) ?? []);
    const calls = [
        ['units_probe', ...units],
        ...resources.flatMap(resource => resource.probe(desired)),
    ].map(shell/* line */.n8);
    const [first = '', ...others] = calls;
    return [[first, ...others.map(call => `{ ${call} </dev/null; cat; }`), 'files'].join(' |\n')];
}

;// CONCATENATED MODULE: ./build/converge/apply-log.js




/** Lines of a failed program that are worth showing. */
const lastLines = 5;
/** Reads what the apply script prints: lines of the protocol, and between them what the programs say. */
class ApplyLog {
    #desired;
    #steps;
    #listener;
    #preflight;
    /** Since when each step that has begun is at work. */
    #running = new Map();
    /** What has failed, with what its programs said; steps that ran at the same time may both have. */
    #failed = [];
    #output = { words: [] };
    #busy;
    #undone = false;
    /** How the server looked from here, if it asked. */
    #looking = Promise.resolve();
    #unreachable;
    taken = [];
    stale = false;
    constructor(desired, steps, listener, preflight) {
        this.#desired = desired;
        this.#steps = steps;
        this.#listener = listener;
        this.#preflight = preflight;
    }
    hear(line) {
        const marker = (0,protocol/* readMarker */.t7)(line);
        if (marker)
            this.#hearMarker(marker.name, marker.value);
        else if (line.trim() !== '') {
            this.#output.words.push(line.trimEnd());
            this.#listener.debug(line);
        }
    }
    #hearMarker(name, value) {
        const step = this.#steps[Number(value) - 1];
        switch (name) {
            case 'start':
                if (step)
                    this.#running.set(step, performance.now());
                this.#output = { words: [] };
                break;
            case 'ok':
                if (step)
                    this.#finish(step);
                this.#output = { words: [] };
                this.#undone = false;
                break;
            case 'failed':
                if (!step)
                    break;
                this.#failed.push({ step, output: this.#output });
                this.#output = { words: [] };
                break;
            case 'undone':
                this.#undone = true;
                break;
            case 'token':
                this.#looking = this.#preflight.confirm(value).then(failure => {
                    this.#unreachable = failure;
                });
                break;
            case 'full':
                if (value === '')
                    break;
                this.#output.full = new build_failure/* Failure */.HR('diskFull', `the server’s disk is full: ${value}. Delete what is not needed, or enlarge the disk, and run again`);
                break;
            case 'say':
                this.#listener.said(value);
                break;
            case 'busy':
                this.#busy = new build_failure/* Failure */.HR('busy', `another run of Berth has been at work on this server for ${value} s; wait for it and run again`);
                break;
            case 'stale':
                this.stale = true;
                break;
        }
    }
    #finish(step) {
        const since = this.#running.get(step) ?? performance.now();
        this.#running.delete(step);
        if (this.#undone) {
            const reason = this.#reason(step, this.#output);
            const words = reason?.message ?? this.#output.words.at(-1) ?? 'nothing was said';
            this.#listener.warned(new build_failure/* Failure */.HR(reason?.topic ?? 'step', `${step.resource} (${summaries(step)}) was not possible: ${words}`));
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
        await this.#looking;
        if (this.#busy)
            return this.#busy;
        const failures = this.#failed.map(({ step, output }) => this.#stepFailure(step, output));
        const [begun] = this.#running.keys();
        return (0,build_failure/* joined */.oR)(failures) ?? (begun ? this.#cutOff(begun) : this.#otherFailure());
    }
    #stepFailure(step, output) {
        const reason = this.#reason(step, output);
        const what = `${step.resource} (${summaries(step)}) failed`;
        return reason
            ? new build_failure/* Failure */.HR(reason.topic, `${what}: ${reason.message}`)
            : new build_failure/* Failure */.HR('step', `${what}${last(output)}`);
    }
    #cutOff(step) {
        return new build_failure/* Failure */.HR('connectionLost', `${step.resource} (${summaries(step)}) failed: the connection was cut off; run the workflow again`);
    }
    #otherFailure() {
        const { words } = this.#output;
        return this.taken.length > 0 || words.length === 0
            ? new build_failure/* Failure */.HR('connectionLost', `the connection was cut off after ${this.taken.length} of ${this.#steps.length} steps; run the workflow again`)
            : new build_failure/* Failure */.HR(words.some(line => /^nginx refuses/.test(line)) ? 'nginx' : 'step', `the server refused, and nothing was changed${last(this.#output)}`);
    }
}
function last({ words }) {
    const lines = words.slice(-lastLines).map(line => `\n  ${line}`);
    return lines.length === 0
        ? ' without a word; run the workflow again with debug logging'
        : `; the server said:${lines.join('')}`;
}
function summaries({ changes }) {
    return changes.map(({ summary }) => summary).join(', ');
}

;// CONCATENATED MODULE: ./build/converge/converge.js







/** Looks at the server and says which steps are missing. */
async function look(server, desired, planner) {
    const facts = Facts.parse(await server.run(factsScript(desired)));
    return { facts, ...planner(desired, facts) };
}
/** Throws if a step would ask an authority for a certificate and the name points nowhere: before anything is touched. */
async function foresee(preflight, facts, steps) {
    if (steps.some(isOrder))
        await preflight.resolve(readLineage(facts).addresses);
}
/** How often a run looks anew because another one changed the server in between. */
const attempts = 3;
/** Makes the server what it should be, and returns the steps that it took: none if it was already. */
async function converge(server, desired, planner, listener) {
    const preflight = new Preflight(desired.domain);
    for (let attempt = 1; attempt <= attempts; attempt++) {
        const { facts, steps, warnings } = await look(server, desired, planner);
        listener.looked?.(facts);
        if (attempt === 1)
            warnings.forEach(listener.warned);
        listener.planned(steps, false);
        if (steps.length === 0)
            return steps;
        await foresee(preflight, facts, steps);
        const log = new ApplyLog(desired, steps, listener, preflight);
        const output = await server.run(applyScript(desired, facts, steps), line => log.hear(line));
        if (log.stale) {
            listener.said('another run has changed the server meanwhile; looking again');
            continue;
        }
        if ((0,protocol/* lastMarker */.zK)(output, 'end') === undefined)
            throw await log.failure();
        return log.taken;
    }
    throw new build_failure/* Failure */.HR('busy', 'the server keeps changing while Berth looks at it; is another workflow at work there?');
}

// EXTERNAL MODULE: external "node:https"
var external_node_https_ = __webpack_require__(4708);
// EXTERNAL MODULE: external "node:tls"
var external_node_tls_ = __webpack_require__(1692);
;// CONCATENATED MODULE: ./build/registry/failure.js

/** Why the registry can’t be asked over HTTPS, and what to do. */
function connectionFailure(domain, { code, message, cert }) {
    const [topic, sentence] = failure_explain(domain, code, message, cert);
    return new build_failure/* Failure */.HR(topic, sentence);
}
function failure_explain(name, code, message, cert) {
    switch (code) {
        case 'ENOTFOUND':
        case 'EAI_AGAIN':
            return ['dns', `the name ${name} does not resolve; add its DNS record`];
        case 'ECONNREFUSED':
            return ['endpoint', `nothing listens on port 443 at ${name}; does the name point to this server?`];
        case 'ETIMEDOUT':
        case 'EHOSTUNREACH':
        case 'ENETUNREACH':
            return ['endpoint', `${name} does not answer on port 443; does the server’s firewall let HTTPS in?`];
        case 'EMSGSIZE':
            return [
                'endpoint',
                `${name} answers without end; does the name point to this server, and is it a registry that answers there?`,
            ];
        case 'ECONNRESET':
            return [
                'endpoint',
                `${name} closes connections to port 443 without an answer; is a proxy or firewall in between?`,
            ];
        case 'ERR_SSL_WRONG_VERSION_NUMBER':
        case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
            return ['endpoint', `${name} does not speak HTTPS on port 443; does the name point to this server?`];
        case 'CERT_NOT_YET_VALID':
            return [
                'servedCertificate',
                `the certificate that ${name} shows is not valid yet; are the clocks of server and runner right?`,
            ];
        case 'CERT_HAS_EXPIRED':
            return [
                'servedCertificate',
                `the certificate that ${name} shows has expired; run mode \`up\` or \`renew\``,
            ];
        case 'ERR_TLS_CERT_ALTNAME_INVALID':
            return [
                'servedCertificate',
                `the certificate that ${name} shows is for other names${cert?.subjectaltname ? ` (${alternatives(cert.subjectaltname)})` : ''}; does the name point to this server?`,
            ];
        case 'SELF_SIGNED_CERT_IN_CHAIN':
        case 'DEPTH_ZERO_SELF_SIGNED_CERT':
        case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
        case 'UNABLE_TO_GET_ISSUER_CERT':
        case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
            return [
                'trust',
                `the certificate that ${name} shows is not from an authority that this runner trusts; give a private one as \`ca\``,
            ];
        default:
            // OpenSSL's alert has no code of its own here.
            return /unrecognized name/.test(message)
                ? [
                    'endpoint',
                    `the server that ${name} points to does not know this name on port 443; does the name point to the right one, and is the registry set up there?`,
                ]
                : ['endpoint', `${name} can’t be asked over HTTPS: ${message}; try \`curl -v https://${name}/v2/\``];
    }
}
/** The names of a certificate: `DNS:a.example, DNS:b.example` as a few words. */
function alternatives(names) {
    const all = names.replaceAll('DNS:', '').split(', ');
    return all.length > 3 ? `${all.slice(0, 3).join(', ')}, …` : all.join(', ');
}

// EXTERNAL MODULE: external "node:timers/promises"
var promises_ = __webpack_require__(8500);
;// CONCATENATED MODULE: ./build/registry/retry.js


/** A failure that may be gone in a moment: a restart, a lost connection, too many requests. */
class Transient extends build_failure/* Failure */.HR {
}
/** Seconds before each new try: doubled, and each by chance between half and all of it, so that many don’t come back at once. */
const delays = [1, 2, 4, 8, 16];
/** Milliseconds after which nothing is tried again: Docker’s engine has tried for a minute when it gives up. */
const givesUpAfter = 120_000;
/** Tries again what fails as `Transient`; `retrying` hears why, once for each new try. */
async function retry(work, retrying, cancelled) {
    const started = performance.now();
    for (const [index, delay] of delays.entries()) {
        try {
            return await work();
        }
        catch (error) {
            if (!(error instanceof Transient) || performance.now() - started > givesUpAfter)
                throw error;
            const seconds = delay * (0.5 + Math.random() / 2);
            retrying(`${error.message}; try ${index + 2} of ${delays.length + 1} in ${seconds.toFixed(1)} s`);
            await (0,promises_.setTimeout)(seconds * 1000, undefined, { signal: cancelled });
        }
    }
    return work();
}

;// CONCATENATED MODULE: ./build/registry/endpoint.js






/** Milliseconds after which an answer is not coming. */
const timeout = 30_000;
/** Bytes of an answer that is read: a registry takes manifests of at most 4 MiB. */
const maxAnswer = 16 << 20;
/** Milliseconds in which a new password must have begun to work. */
const newPassword = 10_000;
/** The same where nginx holds the requests of this address up. */
const heldUp = 60_000;
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
     * Looks at the registry as a client does: a certificate that this machine trusts, and a lock that holds. Nobody is let in without
     * a password, with a wrong one or under a name that nobody has, and the user is with the right one; or everybody is, if
     * there are no users. A registry that asks for itself (`own`) only has to answer. Throws a sentence if anything is amiss.
     */
    async verify(user, own = false) {
        const path = '/v2/';
        const ask = (who) => this.ask('GET', path, who);
        const wrong = (0,external_node_crypto_.randomBytes)(18).toString('base64url');
        const anonymous = await ask();
        if (isPassing(anonymous))
            throw this.refused(anonymous, 'v2/');
        if (own)
            this.#checkOwn(anonymous);
        else if (user === undefined)
            this.#checkOpen(anonymous);
        else {
            this.#checkChallenge(anonymous);
            const [known, ...strangers] = await Promise.all([
                ask(user),
                ask({ ...user, password: wrong }),
                ask({ name: `nobody-${wrong}`, password: wrong }),
            ]);
            if (strangers.some(({ status }) => status < 400))
                throw this.#unlocked();
            const odd = strangers.find(({ status }) => status !== 401 && status !== 429);
            if (odd)
                throw this.refused(odd, 'v2/');
            if (known.status !== 200)
                throw isPassing(known)
                    ? this.refused(known, 'v2/')
                    : new build_failure/* Failure */.HR('registryLogin', `${this.#domain} does not let \`${user.name}\` in (${known.status}); is the password in \`users\` the one that it was set up with?`);
        }
        if (anonymous.certificate === undefined)
            throw this.#noCertificate();
        this.#verified = true;
        return anonymous.certificate;
    }
    #checkOwn({ status }) {
        if (status !== 200 && status !== 401)
            throw new build_failure/* Failure */.HR('registryLogin', `${this.#domain} should ask for credentials as \`registry-config\` says, and answers ${status}; does the name point to this server?`);
    }
    #checkOpen({ status }) {
        if (status !== 200)
            throw new build_failure/* Failure */.HR('registryLogin', `${this.#domain} should be open to everybody, and answers ${status}; does the name point to this server?`);
    }
    #checkChallenge({ status, headers }) {
        if (status === 200)
            throw this.#unlocked();
        if (status !== 401 || !/^Basic /i.test(String(headers['www-authenticate'] ?? '')))
            throw new build_failure/* Failure */.HR('registryLogin', `${this.#domain} should ask for credentials, and answers ${status}; does the name point to this server?`);
    }
    #unlocked() {
        return new build_failure/* Failure */.HR('registryLogin', `${this.#domain} lets in who has no password or a wrong one; does the name point to this server, and has somebody changed its nginx?`);
    }
    /** The certificate that is shown: for this name, within its dates, and with a chain up to an authority that is trusted here. */
    async certificate() {
        const { certificate } = await this.ask('GET', '/v2/');
        if (certificate === undefined)
            throw this.#noCertificate();
        return certificate;
    }
    /** Logs in as each user; throws a sentence that names who is not let in. */
    async admit(users) {
        const [first, ...others] = users;
        // nginx goes on with its old rules for a moment after it was told of new ones.
        if (first)
            await this.#admit(first);
        await Promise.all(others.map(user => this.#admit(user)));
    }
    async #admit(user) {
        const started = performance.now();
        for (;;) {
            const { status } = await this.ask('GET', '/v2/', user);
            if (status === 200)
                return;
            // Somebody guesses from the same address, and nginx lets one request a second through.
            const limit = status === 429 ? heldUp : newPassword;
            if (performance.now() - started > limit)
                throw new build_failure/* Failure */.HR('registryLogin', `${this.#domain} answers ${status} to \`${user.name}\` with the new password; does its nginx read the htpasswd file in Berth’s directory?`);
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
                let bytes = 0;
                incoming.on('data', (chunk) => {
                    bytes += chunk.length;
                    if (bytes <= maxAnswer)
                        chunks.push(chunk);
                    else
                        outgoing.destroy(Object.assign(new Error('endless'), { code: 'EMSGSIZE' }));
                });
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
        if (isPassing(answer))
            return new Transient('endpoint', message);
        return new build_failure/* Failure */.HR([401, 403].includes(answer.status) ? 'pushRights' : 'endpoint', message);
    }
    #failure(error) {
        const { topic, message } = connectionFailure(this.#domain, error);
        // Who resets a connection is there.
        const passing = this.#verified || error.code === 'ECONNRESET';
        return passing ? new Transient(topic, message) : new build_failure/* Failure */.HR(topic, message);
    }
    #noCertificate() {
        return new build_failure/* Failure */.HR('servedCertificate', `${this.#domain} shows no certificate; does the name point to this server?`);
    }
}
function isPassing({ status }) {
    return status >= 500 || status === 429;
}

;// CONCATENATED MODULE: ./build/modes/context.js


/** Keeps the connection to the server for as long as `work` takes. */
async function onServer({ server }, work) {
    if (!server)
        throw new build_failure/* Failure */.HR('input', 'this mode needs a server; give the `ssh-*` inputs');
    try {
        return await work(server);
    }
    finally {
        await server.close();
    }
}
/** Keeps connections to the registry for as long as `work` takes. */
async function onEndpoint({ desired: { domain, acme } }, work) {
    const endpoint = new Endpoint(domain, acme.ca);
    try {
        return await work(endpoint);
    }
    finally {
        endpoint.close();
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
        listener.warned(new build_failure/* Failure */.HR('github', `${what} can’t be updated: ${error.message}; does \`github-token\` have \`${permission}: write\`? (In a pull request from a fork it never has.)`));
    }
}

;// CONCATENATED MODULE: ./build/modes/down.js



/** Takes the registry and its site away; images, users and certificates stay unless `purge` says otherwise. */
async function down({ desired, target }, context) {
    const steps = await onServer(context, server => context.group(`Server ${target?.host}`, () => converge(server, desired, planDown, context.listener)));
    return { domain: desired.domain, steps, applied: true, pushed: [] };
}

// EXTERNAL MODULE: ./node_modules/diff/libesm/patch/create.js + 2 modules
var create = __webpack_require__(7291);
;// CONCATENATED MODULE: ./build/report/diff.js

/**
 * A unified diff of a text file that Berth writes, for a log and for pull requests. Who wrote what was there before, nobody
 * knows; a person may have put a password in a comment or an option. So a line is shown only if it is one of Berth's own: of the
 * others it is told that they are there. Of what Berth writes, the user's part of config.yml has secrets too, so its
 * values are shown only for keys that are known to be harmless.
 */
function diff({ path, before, after }) {
    const own = new Set(after.split('\n'));
    const show = path.endsWith('/config.yml') ? withoutValues : (line) => line;
    const is = after.split('\n').map(show).join('\n');
    const was = before
        .split('\n')
        .map(line => (own.has(line) ? show(line) : diff_hidden(line)))
        .join('\n');
    if (was === is)
        return `  ${path}: only values that are not shown differ`;
    return (0,create/* createTwoFilesPatch */.ss)(before === '' ? '/dev/null' : path, path, was, is, undefined, undefined, {
        context: 3,
        headerOptions: { includeIndex: false, includeUnderline: false, includeFileHeaders: true },
    })
        .trimEnd()
        .replace(/^/gm, '  ');
}
/** A line that is not Berth's: how far it is indented, and nothing of what it says. */
function diff_hidden(line) {
    return line.trim() === '' ? line : `${/^\s*/.exec(line)?.[0] ?? ''}[not shown]`;
}
/** Keys of the registry's configuration whose values are no secret, whoever set them. */
const harmless = new Set(('version log level formatter disabled storage filesystem rootdirectory maxthreads cache blobdescriptor delete enabled ' +
    'redirect disable maintenance uploadpurging age interval dryrun readonly http net addr relativeurls draintimeout headers ' +
    'X-Content-Type-Options health storagedriver threshold s3 bucket region regionendpoint forcepathstyle secure v4auth ' +
    'chunksize encrypt storageclass validation proxy remoteurl ttl notifications endpoints timeout backoff').split(' '));
/** `remoteurl` and the like may have a password in them. */
const diff_password = /\/\/[^\s/@]*@/;
function withoutValues(line) {
    const [, start = '', key = '', value = ''] = /^(\s*(?:- )?)([\w.-]+):(.*)$/.exec(line) ?? [];
    if (key === '')
        return /^\s*- nosniff$/.test(line) || line.trim() === '' ? line : diff_hidden(line);
    return value === '' || (harmless.has(key) && !diff_password.test(value)) ? line : `${start}${key}: [not shown]`;
}

;// CONCATENATED MODULE: ./build/report/github.js
/** Milliseconds after which GitHub counts as out of order. */
const github_timeout = 60_000;
/** GitHub’s API, the parameters that every route below `/repos` wants, and whose token it is: who writes there is Berth. */
async function connect({ name, api, token }) {
    const { getOctokit } = await __webpack_require__.e(/* import() */ 413).then(__webpack_require__.bind(__webpack_require__, 2413));
    const octokit = getOctokit(token, { baseUrl: api, request: { signal: AbortSignal.timeout(github_timeout) } });
    const [owner = '', repo = ''] = name.split('/');
    // A workflow's own token can't ask for `/user`; this it can, and is told `github-actions[bot]`.
    const { viewer } = await octokit.graphql('{ viewer { login } }');
    return { octokit, repository: { owner, repo }, login: viewer.login };
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

;// CONCATENATED MODULE: ./build/report/markdown.js
/** Foreign words in Markdown: the job summary, comments and issues show them as they are, and they do nothing. */
/**
 * A sentence. What is between single backticks stays code, as messages use it; everything else is text: no HTML, no links,
 * no heading, nobody mentioned. A backslash or several backticks in a row could make a reader see other pairs than we do.
 */
function inline(text) {
    return oneLine(text)
        .replace(/`{2,}/g, '’')
        .split(/(`[^`]*`)/)
        .map((part, index) => (index % 2 === 1 ? part : markdown_escaped(part)))
        .join('');
}
/** The same in a cell of a table. */
function cell(text) {
    return inline(text).replaceAll('|', '\\|');
}
/** A name in code. */
function code(text) {
    return `\`${oneLine(text).replaceAll('`', '’')}\``;
}
/** A block of lines. The text may hold a fence itself, which must not end this one. */
function fenced(text, language = '') {
    const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
    const fence = '`'.repeat(longest + 1);
    return `${fence}${language}\n${text.replaceAll('\r', '\n')}\n${fence}\n`;
}
/** A text in HTML. */
function html(text) {
    return apart(oneLine(text)).replace(/[&<>"]/g, sign => entities[sign] ?? '');
}
function oneLine(text) {
    return text.replace(/[\r\n]+/g, ' ');
}
function markdown_escaped(text) {
    return apart(text)
        .replace(/[\\`*_{}[\]~]/g, '\\$&')
        .replace(/[&<>]/g, sign => entities[sign] ?? '');
}
const entities = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
// GitHub reads mentions and numbers of issues after it has read entities and escapes: only something in between helps.
function apart(text) {
    return text.replace(/@(?=\w)|#(?=\d)/g, sign => `${sign}\u200b`);
}

// EXTERNAL MODULE: ./build/format.js
var format = __webpack_require__(7413);
;// CONCATENATED MODULE: ./build/report/outcome.js

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
            : [changes === 0 ? 'nothing changed' : `${(0,format/* count */.U9)(changes, 'change')} ${applied ? 'made' : 'to make'}`]),
        ...(certificate
            ? [`certificate valid for ${(0,format/* count */.U9)((0,format/* daysUntil */.AQ)(certificate.validToDate, now), 'day')}`]
            : []),
        ...(pushed.length > 0 ? [`${(0,format/* count */.U9)(pushed.length, 'image')} pushed`] : []),
        (0,format/* duration */.p0)(milliseconds),
    ];
    return `${domain}: ${parts.join(', ')}`;
}

;// CONCATENATED MODULE: ./build/report/comment.js




/** Characters of the plan: GitHub takes 65,536 in one comment, the mark and the note among them. */
const room = 65_536 - 1_000;
/** Characters that the list of changes may have of them; the rest is for the differences of files. */
const roomForList = 20_000;
/**
 * One comment on a pull request says what `up` would do to the server of `domain`. It is known by an invisible mark at its
 * beginning and by its author, for anybody can write such a mark. Returns what was done, or `undefined` if it says so already.
 */
async function keepComment(to, pull, domain, text) {
    const { octokit, repository, login } = await connect(to);
    const mark = `<!-- berth plan ${domain} -->`;
    const body = `${mark}\n${text}`;
    const comments = octokit.paginate.iterator('GET /repos/{owner}/{repo}/issues/{issue_number}/comments', {
        ...repository,
        ...{ issue_number: pull, per_page: 100 },
    });
    const comment = await findEntry(comments, ({ user, body }) => user?.login === login && !!body?.startsWith(mark));
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
function folded(heading, text) {
    return `\n<details><summary><code>${html(heading)}</code></summary>\n\n${text}\n</details>\n`;
}

;// CONCATENATED MODULE: ./build/modes/plan.js





/** Says what `up` would change, on the pull request too. */
async function plan_plan(inputs, context) {
    const { domain } = inputs.desired;
    try {
        const { facts, steps, warnings } = await onServer(context, server => look(server, inputs.desired, planUp));
        context.listener.planned(steps, true);
        warnings.forEach(context.listener.warned);
        await foresee(new Preflight(domain), facts, steps);
        await comment(inputs, context, planComment(domain, steps));
        return { domain, steps, applied: false, pushed: [] };
    }
    catch (error) {
        // What an earlier commit's plan said may not be true any more.
        if (!context.cancelled.aborted) {
            await comment(inputs, context, failureComment(domain, error.message));
        }
        throw error;
    }
}
async function comment(inputs, context, text) {
    const pull = context.github?.pull;
    if (pull === undefined)
        return;
    await onGitHub(inputs, context, 'the comment with the plan', 'pull-requests', repository => keepComment(repository, pull, inputs.desired.domain, text));
}

// EXTERNAL MODULE: external "node:fs"
var external_node_fs_ = __webpack_require__(3024);
// EXTERNAL MODULE: external "node:path"
var external_node_path_ = __webpack_require__(6760);
;// CONCATENATED MODULE: ./build/publish/failure.js


/** The server has no room for what is pushed. */
class DiskFull extends build_failure/* Failure */.HR {
    constructor(sentence) {
        super('diskFull', sentence);
    }
}
/** Something between here and the registry limits the size of an upload. */
class TooLarge extends build_failure/* Failure */.HR {
    constructor(sentence) {
        super('proxy', sentence);
    }
}
/** What a client or the registry said, as an error whose message is a sentence with the next action. */
function pushFailure(words, { domain, repository, user, client }) {
    const there = `${domain}/${repository}`;
    const quoted = words.replace(/\s+/g, ' ').slice(0, 300);
    if (/no space left|"?Err"?:\s*28\b/i.test(words))
        return new DiskFull(`the server’s disk is full, ${there} can’t be pushed`);
    if (/\b413\b|entity too large/i.test(words)) {
        return new TooLarge(`a proxy in front of ${domain} refuses an upload of this size for ${there} (413); raise its limit (\`client_max_body_size 0\` in nginx), or point the name straight at the server`);
    }
    if (/denied|unauthorized|authentication required|no basic auth|forbidden|\b40[13]\b/i.test(words)) {
        return new build_failure/* Failure */.HR('pushRights', `\`${user ?? 'anonymous'}\` may not push to ${there}; allow it in \`access\`, or choose another \`push-user\` (${quoted})`);
    }
    if (/x509|certificate/i.test(words)) {
        return new build_failure/* Failure */.HR('trust', `this runner’s ${client} does not trust the certificate that ${domain} shows; does the name point to this server from the runner? A private authority is given as \`ca\` (${quoted})`);
    }
    if (/no such host|server misbehaving/i.test(words))
        return new build_failure/* Failure */.HR('dns', `this runner’s ${client} can’t resolve ${domain}; look at its DNS settings (${quoted})`);
    if (isTransient(words))
        return new Transient('push', `${there} could not be pushed: ${quoted}`);
    return new build_failure/* Failure */.HR('push', `${client} can’t push ${there}: ${quoted}`);
}
function isTransient(words) {
    return /\b(5\d\d|429)\b|too ?many ?requests|connection (reset|refused)|broken pipe|\bEOF\b|time(d )?out|deadline exceeded|closed network|blob upload (unknown|invalid)|unknown blob|service unavailable|bad gateway|hang up|ECONNRESET|ECONNREFUSED|ETIMEDOUT|EPIPE/i.test(words);
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
    return (0,json/* list */.p_)((0,json/* object */.Ik)((0,json/* parseJson */.qF)(body)).manifests).map(each => (0,json/* object */.Ik)(each).platform);
}
async function ofImage(registry, repository, { config }) {
    return config === undefined ? undefined : (0,json/* parseJson */.qF)(await registry.config(repository, config));
}
// Signatures and attestations say that they are for `unknown/unknown`.
function image_name(platform) {
    const { os, architecture, variant } = (0,json/* object */.Ik)(platform);
    if (!(0,json/* string */.Yj)(os) || !(0,json/* string */.Yj)(architecture) || os === 'unknown')
        return undefined;
    return [os, architecture, ...((0,json/* string */.Yj)(variant) ? [variant] : [])].join('/');
}

;// CONCATENATED MODULE: ./build/publish/progress.js

/** Milliseconds between two lines of the log. */
const pause = 5000;
/** Makes of the thousands of messages of a push a line now and then: layers done, bytes, rate. */
class PushProgress {
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
            ...(layers.length > 0 ? [`${(0,format/* count */.U9)(layers.length, 'layer')} (${there} there already)`] : []),
            ...(this.#bytes() > 0 ? [this.#sent()] : []),
        ];
        return `${known.join(', ')} in ${seconds.toFixed(1)} s`;
    }
    #line() {
        const layers = [...this.#layers.values()];
        const done = layers.filter(({ state }) => state !== 'open').length;
        const total = layers.reduce((sum, layer) => sum + (layer.state === 'there' ? 0 : layer.total), 0);
        const rate = this.#bytes() / ((this.#now() - this.#started) / 1000);
        return `${done} of ${layers.length} layers, ${this.#sent()} of ${(0,format/* megabytes */.ix)(total)}, ${(0,format/* megabytes */.ix)(rate)}/s`;
    }
    #bytes() {
        return [...this.#layers.values()].reduce((sum, { current }) => sum + current, 0);
    }
    #sent() {
        return (0,format/* megabytes */.ix)(this.#bytes());
    }
}

;// CONCATENATED MODULE: ./build/publish/publish.js





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
        throw new build_failure/* Failure */.HR('immutable', `\`immutable\` is set, and other images have these tags already: ${moved.join(', ')}; choose a new tag, or omit it from \`tags\`. Nothing was pushed`);
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
            await again(to, async () => {
                await refuseTaken(image, tag, to);
                await registry.tag(repository, tag, same).catch(error => {
                    throw pushFailure(error.message, { domain, repository, user: user?.name, client: 'Berth' });
                });
            });
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
        const progress = new PushProgress(line => to.say(`${name}:${tag}: ${line}`));
        // Docker tries each layer for more than a minute before it tells what it was told.
        const hopeless = new AbortController();
        let asked = false;
        const hear = (message) => {
            progress.hear(message);
            if (asked || !/^Retrying in/.test(message.status ?? ''))
                return;
            asked = true;
            void lastingFailure(image, to).then(reason => reason && hopeless.abort(reason));
        };
        try {
            const either = AbortSignal.any([to.cancelled, hopeless.signal]);
            const pushed = await image.push({ name, tag }, to.user, hear, either);
            to.say(`${name}:${tag} pushed: ${progress.summary()}`);
            return pushed;
        }
        catch (error) {
            if (to.cancelled.aborted)
                throw new build_failure/* Failure */.HR('connectionLost', 'the push was cancelled; run the workflow again');
            if (hopeless.signal.aborted)
                throw hopeless.signal.reason;
            const reason = pushFailure(error.message, attempt(image, to));
            throw (reason instanceof Transient && (await lastingFailure(image, to))) || sized(reason, image);
        }
    });
    return verified(repository, tag, digest, to);
}
/** What stands in the way of every upload and won’t go by itself, as the registry says when it is asked; `undefined` if nothing does. */
async function lastingFailure(image, to) {
    const words = await to.registry.trialUpload(image.repository).catch(() => '');
    const reason = pushFailure(words, attempt(image, to));
    return reason instanceof DiskFull || reason instanceof TooLarge ? sized(reason, image) : undefined;
}
function sized(reason, { size }) {
    return reason instanceof DiskFull && size > 0
        ? new DiskFull(`${reason.message}: the image has ${(0,format/* megabytes */.ix)(size)}`)
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
        throw new build_failure/* Failure */.HR('immutable', `\`immutable\` is set, and another workflow has given ${to.domain}/${image.repository}:${tag} to ${there.digest} meanwhile; choose a new tag`);
}
/** What the registry has under a tag, which must be this digest. */
async function verified(repository, tag, digest, to) {
    const found = await again(to, () => to.registry.manifest(repository, tag));
    if (found?.digest === digest)
        return found;
    throw new build_failure/* Failure */.HR('samePush', `${to.domain}/${repository}:${tag} was pushed as ${digest}, and the registry has ${found?.digest ?? 'no such tag'}; is another workflow pushing the same tag?`);
}
async function complete(repository, manifest, to) {
    const missing = await again(to, () => to.registry.missing(repository, manifest));
    if (missing.length > 0)
        throw new build_failure/* Failure */.HR('push', `the registry lacks parts of ${to.domain}/${repository}@${manifest.digest} (${missing.slice(0, 3).join(', ')}); is its disk damaged? Delete the tag there and push again`);
}
function again({ say, cancelled }, work) {
    return retry(work, say, cancelled);
}

// EXTERNAL MODULE: external "node:fs/promises"
var external_node_fs_promises_ = __webpack_require__(1455);
// EXTERNAL MODULE: ./build/inputs/images.js
var inputs_images = __webpack_require__(4832);
// EXTERNAL MODULE: external "node:os"
var external_node_os_ = __webpack_require__(8161);
// EXTERNAL MODULE: external "node:child_process"
var external_node_child_process_ = __webpack_require__(1421);
// EXTERNAL MODULE: external "node:stream"
var external_node_stream_ = __webpack_require__(7075);
// EXTERNAL MODULE: ./build/runner/process.js
var runner_process = __webpack_require__(1794);
;// CONCATENATED MODULE: ./build/runner/dial.js






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
        const child = (0,external_node_child_process_.spawn)('docker', ['system', 'dial-stdio'], { env: (0,runner_process/* environment */.c)() });
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
    /** Why a connection does not lead to the engine. */
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
        return new build_failure/* Failure */.HR('runnerProgram', 'this runner has no Docker; install it, or push an archive (`image: oci-archive:app.tar`)');
    if (/permission denied/i.test(words))
        return new build_failure/* Failure */.HR('runnerDocker', 'this runner’s user may not use Docker; add it to the group docker, or set DOCKER_HOST to an engine of its own');
    return new build_failure/* Failure */.HR('runnerDocker', `this runner’s Docker does not answer; start it (\`sudo systemctl start docker\`), or look at DOCKER_HOST and the context: ${(0,format/* lastLine */.fM)(words)}`);
}

// EXTERNAL MODULE: ./node_modules/@actions/exec/lib/exec.js + 3 modules
var exec = __webpack_require__(1260);
;// CONCATENATED MODULE: ./build/runner/exec.js


/**
 * Runs a program without a shell, for moments only. `process.ts` is for those that a cancelled job must end. It has no input, for
 * the toolkit does not survive a program that ends before it has read that.
 */
async function exec_exec(program, args) {
    try {
        const { exitCode, stdout, stderr } = await (0,exec/* getExecOutput */.H)(program, [...args], {
            env: (0,runner_process/* environment */.c)(),
            ignoreReturnCode: true,
            // The toolkit would print the command line and all that is said.
            silent: true,
        });
        return { code: exitCode, stdout, stderr };
    }
    catch (error) {
        return { code: 127, stdout: '', stderr: error.message };
    }
}

;// CONCATENATED MODULE: ./build/runner/docker.js








/** Milliseconds for taking back a tag, after which a cancelled job would be killed anyhow. */
const untagTimeout = 10_000;
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
            throw new build_failure/* Failure */.HR('runnerDocker', `Docker can’t look at ${name}: ${errorMessage(body)}`);
        const { Id, Size, RepoTags } = (0,json/* object */.Ik)((0,json/* parseJson */.qF)(body));
        const id = (0,json/* string */.Yj)(Id);
        if (id === undefined)
            throw new build_failure/* Failure */.HR('runnerDocker', `Docker can’t look at ${name}: ${(0,format/* lastLine */.fM)(body)}; is it Docker that answers?`);
        return { id, size: (0,json/* number */.ai)(Size) ?? 0, names: (0,json/* strings */.P$)(RepoTags) };
    }
    /** The names of all images, as `docker images` shows them. */
    async names() {
        const { body } = await this.#ask('GET', '/images/json');
        return (0,json/* list */.p_)((0,json/* parseJson */.qF)(body))
            .flatMap(image => (0,json/* strings */.P$)((0,json/* object */.Ik)(image).RepoTags))
            .filter(name => name !== '<none>:<none>');
    }
    /**
     * Pushes an image as `name:tag`, and leaves the engine’s tags as they were, also when it is cancelled. Returns the
     * digest; throws what the engine says.
     */
    async push({ id, names }, { name, tag }, user, hear, cancelled) {
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
                const message = readMessage(line);
                error ??= message.error;
                digest = message.digest ?? digest;
                hear(message);
            }
            if (error !== undefined)
                throw new Error(error);
            // Before 28 the containerd store does not tell the digest; there it is the image’s own, and the caller checks it.
            return digest ?? id;
        }
        finally {
            const signal = AbortSignal.timeout(untagTimeout);
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
        return (0,json/* strings */.P$)((0,json/* object */.Ik)((0,json/* parseJson */.qF)(body)).SecurityOptions).includes('name=rootless');
    }
    async #tag(id, name, tag, signal) {
        const { status, body } = await this.#ask('POST', `/images/${id}/tag?repo=${name}&tag=${tag}`, signal);
        if (status !== 201)
            throw new build_failure/* Failure */.HR('runnerDocker', `Docker can’t tag ${id} as ${name}:${tag}: ${errorMessage(body)}`);
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
            // A connection that ends may be told of several times, and after the answer it is for whoever reads that.
            let settled = false;
            outgoing.on('error', error => {
                if (settled)
                    return;
                settled = true;
                if (signal.aborted)
                    reject(new build_failure/* Failure */.HR('connectionLost', 'the push was cancelled; run the workflow again'));
                // The engine was started anew meanwhile. Whatever it had heard of this may be asked again.
                else if (outgoing.reusedSocket)
                    resolve(this.#send(method, path, signal, headers));
                else if (outgoing.socket)
                    void this.#dial.reason(outgoing.socket).then(reject);
                else
                    reject(error);
            });
            outgoing.on('response', incoming => {
                settled = true;
                resolve(incoming);
            });
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
function readMessage(line) {
    const { id, status, progressDetail, error, message, aux } = (0,json/* object */.Ik)((0,json/* parseJson */.qF)(line));
    const { current, total } = (0,json/* object */.Ik)(progressDetail);
    return {
        id: (0,json/* string */.Yj)(id),
        status: (0,json/* string */.Yj)(status),
        progressDetail: { current: (0,json/* number */.ai)(current), total: (0,json/* number */.ai)(total) },
        error: (0,json/* string */.Yj)(error) ?? (0,json/* string */.Yj)(message),
        digest: (0,json/* string */.Yj)((0,json/* object */.Ik)(aux).Digest),
    };
}
// The engine wants the URL alphabet and, unlike Node’s `base64url`, the padding.
function login(name, user) {
    const auth = user ? { username: user.name, password: user.password, serveraddress: name.split('/')[0] } : {};
    return Buffer.from(JSON.stringify(auth)).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}
function errorMessage(body) {
    return (0,json/* string */.Yj)((0,json/* object */.Ik)((0,json/* parseJson */.qF)(body)).message) ?? (0,format/* lastLine */.fM)(body);
}
/**
 * Where Docker looks for the authorities of one registry. `id` tells the files of jobs at the same time apart, and
 * whatever else is there is left alone.
 */
function trustFile(domain, id, rootless) {
    return `${rootless ? ownFolder() : '/etc/docker'}/certs.d/${domain}/${id}.crt`;
}
/** Whether `trustFile` could have named it. */
function isTrustFile(file) {
    const [root = '', name = ''] = file.split('/certs.d/');
    return ([ownFolder(), '/etc/docker'].includes(root) &&
        /^[a-z0-9.-]+\/berth-[0-9a-f]{8}\.crt$/.test(name) &&
        !name.startsWith('.'));
}
function ownFolder() {
    return (0,external_node_path_.join)(process.env.XDG_CONFIG_HOME ?? (0,external_node_path_.join)((0,external_node_os_.homedir)(), '.config'), 'docker');
}
/** Makes the engine trust a private authority, whose certificate is in `source`, for one registry; it reads the folder at each connection. */
async function docker_trust(file, source) {
    const { code, stderr } = await privileged(file, ['install', '-D', '-m', '0644', source, file]);
    if (code !== 0)
        throw new build_failure/* Failure */.HR('trust', `this runner’s Docker can’t be told to trust \`ca\`, for ${file} can’t be written (${(0,format/* lastLine */.fM)(stderr)}); let the runner’s user write there, or become root with sudo`);
}
/** Takes back what `trust` did. */
async function distrust(file) {
    await privileged(file, ['rm', '-f', file]);
    // What else is there is somebody else's.
    await privileged(file, ['rmdir', dirname(file)]);
}
// Docker's own folder belongs to root; a hosted runner's user has sudo.
function privileged(file, command) {
    const sudo = process.getuid?.() === 0 || !file.startsWith('/etc/') ? [] : ['sudo', '-n'];
    const [program = '', ...args] = [...sudo, ...command];
    return exec_exec(program, args);
}

;// CONCATENATED MODULE: ./build/publish/sources.js









/** Finds the images, before anything is contacted; throws an InputError that names every one that can’t be pushed. */
async function findImages(images, skopeo, cancelled) {
    const mistakes = [];
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
                    throw new build_failure/* Failure */.HR('imageName', `${source.name} has no name; write ${source.name} => repository`);
                const found = await docker.image(source.name);
                if (!found)
                    throw new build_failure/* Failure */.HR('imageMissing', absent(source.name, await docker.names()));
                const push = (...where) => docker.push(found, ...where);
                const { id, size } = found;
                locals.push({ id, size, repository, tags, client: 'Docker', push });
            }
        }
        catch (error) {
            const { topic, message } = (0,build_failure/* asFailure */.h_)(error);
            mistakes.push(new build_failure/* Failure */.HR(topic ?? 'imageMissing', `image: ${message}`));
        }
    }
    if (mistakes.length > 0)
        throw new inputs/* InputError */.d(mistakes);
    return locals;
}
/** Says that an image is missing, with those that are there. */
function absent(name, names) {
    if ((0,external_node_fs_.existsSync)(name))
        return `this runner’s Docker has no image ${name}; if you mean the file of that name, write ./${name}`;
    const shown = names.slice(0, 5).join(', ');
    return `this runner’s Docker has no image ${name}, ${shown === '' ? 'nor any other' : `only ${shown}`}; build it in an earlier step of the same job, with \`load: true\` if buildx builds it`;
}
async function findArchive(source, wanted, skopeo) {
    const { path, reference } = source;
    if (!(0,external_node_fs_.existsSync)(path))
        throw new build_failure/* Failure */.HR('imageMissing', `there is no ${path} in the workspace; build it in an earlier step of the same job`);
    const index = entries(await read(path, 'index.json'));
    const saved = savedImages(await read(path, 'manifest.json'));
    const kind = source.kind === 'path' ? kindOf(path, index, saved) : source.kind;
    const found = kind === 'docker-archive' ? oneSaved(path, reference, saved) : oneOf(path, reference, index);
    const repository = wanted ?? (found.name && (0,inputs_images/* ownName */.qU)(found.name));
    if (repository === undefined)
        throw new build_failure/* Failure */.HR('imageName', `${path} does not say its name; write ${path} => repository`);
    const mistake = (0,inputs_images/* repositoryMistake */.tP)(repository);
    if (mistake)
        throw new build_failure/* Failure */.HR('imageName', `${path}: ${mistake}`);
    const from = `${kind}:${path}${reference === undefined ? '' : `:${reference}`}`;
    return {
        id: found.id,
        repository,
        client: 'skopeo',
        size: (0,external_node_fs_.statSync)(path).isFile() ? (0,external_node_fs_.statSync)(path).size : 0,
        push: ({ name, tag }, user, hear, cancelled) => {
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
    if (index && (!saved || index.some(({ nested }) => nested)))
        return 'oci-archive';
    if (saved)
        return 'docker-archive';
    throw new build_failure/* Failure */.HR('imageMissing', `${path} is neither a \`docker save\` archive nor an OCI one; give one of those`);
}
function oneSaved(path, reference, saved = []) {
    const images = reference === undefined ? saved : saved.filter(({ names }) => names.includes(reference));
    const [image] = images;
    if (!image || images.length > 1)
        throw several(path, reference, 'docker-archive', saved.flatMap(({ names }) => names));
    const name = reference ?? image.names[0];
    return { id: `sha256:${image.config}`, ...(name && { name }) };
}
function oneOf(path, reference, index = []) {
    const key = 'org.opencontainers.image.ref.name';
    const manifests = reference === undefined ? index : index.filter(({ annotations }) => annotations[key] === reference);
    const [manifest] = manifests;
    if (!manifest || manifests.length > 1)
        throw several(path, reference, 'oci-archive', (0,json/* strings */.P$)(index.map(({ annotations }) => annotations[key])));
    const name = (0,json/* string */.Yj)(manifest.annotations['io.containerd.image.name']);
    return { id: manifest.digest, ...(name && { name }) };
}
function several(path, reference, kind, names) {
    const has = names.length > 0 ? `it has ${names.slice(0, 5).join(', ')}` : 'it has no image with a name';
    return new build_failure/* Failure */.HR('imageMissing', reference === undefined
        ? `${path} does not hold exactly one image; ${has}: write ${kind}:${path}:NAME`
        : `${path} has no image ${reference}; ${has}`);
}
/** A JSON file of a layout, or of a layout in an archive. */
async function read(path, name) {
    const text = (0,external_node_fs_.statSync)(path).isDirectory()
        ? await (0,external_node_fs_promises_.readFile)((0,external_node_path_.join)(path, name), 'utf8').catch(() => '')
        : (await exec_exec('tar', ['-xOf', path, name])).stdout;
    return (0,json/* parseJson */.qF)(text);
}
/** What `index.json` lists, without what is no image; `undefined` if it is no index. */
function entries(index) {
    if (!(0,json/* isObject */.Gv)(index))
        return undefined;
    return (0,json/* list */.p_)(index.manifests)
        .map(json/* object */.Ik)
        .flatMap(({ mediaType, digest, annotations }) => typeof digest === 'string' && /^sha256:[0-9a-f]{64}$/.test(digest)
        ? [{ digest, nested: /index|list/.test((0,json/* string */.Yj)(mediaType) ?? ''), annotations: (0,json/* object */.Ik)(annotations) }]
        : []);
}
function savedImages(saved) {
    if (!Array.isArray(saved))
        return undefined;
    return saved.map(json/* object */.Ik).flatMap(({ Config, RepoTags }) => {
        const config = /[0-9a-f]{64}/.exec((0,json/* string */.Yj)(Config) ?? '')?.[0];
        return config === undefined ? [] : [{ config, names: (0,json/* strings */.P$)(RepoTags) }];
    });
}

;// CONCATENATED MODULE: ./build/registry/api.js



/** Indexes within indexes, and manifests in one, that are followed: a registry could answer with ever more. */
const maxDepth = 3;
const maxManifests = 1000;
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
        return { digest, type: String(answer.headers['content-type']), body: answer.body, ...api_read(answer.body) };
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
    async missing(repository, manifest, depth = 0) {
        if (depth > maxDepth || manifest.manifests.length > maxManifests)
            throw new build_failure/* Failure */.HR('push', `${repository}@${manifest.digest} is an index of more manifests than any image has; is it a registry that answers there?`);
        const children = await Promise.all(manifest.manifests.map(async ({ digest }) => {
            const child = await this.manifest(repository, digest);
            return child ? this.missing(repository, child, depth + 1) : [digest];
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
    async trialUpload(repository) {
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
function api_read(body) {
    const { config, layers, manifests } = (0,json/* object */.Ik)((0,json/* parseJson */.qF)(body));
    const [configuration] = descriptors([config]);
    // Layers that say where else they are, such as those of Windows, are not the registry’s to have.
    const own = (0,json/* list */.p_)(layers).filter(layer => (0,json/* list */.p_)((0,json/* object */.Ik)(layer).urls).length === 0);
    return {
        config: configuration?.digest,
        manifests: descriptors((0,json/* list */.p_)(manifests)),
        blobs: descriptors([config, ...own]),
    };
}
function descriptors(values) {
    return values.flatMap(value => {
        const digest = (0,json/* string */.Yj)((0,json/* object */.Ik)(value).digest);
        const size = (0,json/* number */.ai)((0,json/* object */.Ik)(value).size);
        return digest === undefined || size === undefined ? [] : [{ digest, size }];
    });
}
/** All that a tag may be; a registry answers 404 for a type that was not asked for. */
const manifestTypes = [
    'application/vnd.oci.image.index.v1+json',
    'application/vnd.docker.distribution.manifest.list.v2+json',
    'application/vnd.oci.image.manifest.v1+json',
    'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

;// CONCATENATED MODULE: ./build/runner/skopeo.js







/** Copies archives and layouts to the registry: whole indexes, byte by byte, which Docker can’t. */
class Skopeo {
    #folder;
    #ca;
    /** What skopeo has to read is written below `folder`, which must be readable by nobody else. */
    constructor(folder, ca) {
        this.#folder = folder;
        this.#ca = ca;
    }
    /** Throws a sentence if it is not installed. */
    async check() {
        const { code } = await exec_exec('skopeo', ['--version']);
        if (code !== 0)
            throw new build_failure/* Failure */.HR('runnerProgram', 'an archive or OCI layout is pushed with skopeo, and this runner has none; install it in an earlier step: `sudo apt-get install -y skopeo`');
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
            const skopeo = (0,runner_process/* start */.n)('skopeo', [...args, from, `docker://${reference}`], {
                env: (0,runner_process/* environment */.c)(),
                cancelled,
                onLine,
            });
            const { code, stderr } = await skopeo.end();
            if (code !== 0)
                throw new Error((0,format/* lastLine */.fM)(stderr));
            return (await (0,external_node_fs_promises_.readFile)(digestFile, 'utf8')).trim();
        }
        finally {
            (0,external_node_fs_.rmSync)(folder, { recursive: true, force: true });
        }
    }
}

;// CONCATENATED MODULE: ./build/modes/push.js













/** Looks at the registry as its clients do, and pushes if there is an image. */
async function push(inputs, context) {
    try {
        const locals = await findLocals(inputs, context);
        const outcome = await onEndpoint(inputs, endpoint => deliver(endpoint, locals, inputs, context));
        return { ...outcome, looked: false };
    }
    catch (error) {
        if (!(error instanceof DiskFull))
            throw error;
        throw new build_failure/* Failure */.HR('diskFull', `${error.message}. Delete what is not needed on the server, or enlarge its disk`);
    }
}
/** The images to push, found on this runner before anything is contacted. */
function findLocals({ images, desired }, { folder, cancelled }) {
    return findImages(images, new Skopeo((0,external_node_path_.join)(folder, 'skopeo'), desired.acme.ca), cancelled);
}
/** `seen` is the certificate of a registry that was verified already; `undefined` if something was not right. */
async function deliver(endpoint, locals, inputs, context, seen) {
    const { desired, pushUser: user, immutable } = inputs;
    const { domain } = desired;
    const { cancelled, listener } = context;
    const certificate = await context.group(`Check https://${domain}`, async () => {
        const shown = (await seen) ?? (await retry(() => endpoint.verify(user, (0,build_desired/* ownAuth */.Lz)(desired)), listener.said, cancelled));
        listener.said(`the registry answers, with a certificate valid until ${shown.validToDate.toISOString()}`);
        return shown;
    });
    const outcome = { domain, steps: [], applied: true, certificate };
    if (locals.length === 0)
        return { ...outcome, pushed: [] };
    const pushed = await context.group('Push', async () => {
        if (locals.some(({ client }) => client === 'Docker'))
            await trustAuthority(inputs, context);
        const registry = new RegistryApi(endpoint, user);
        const done = await publish(locals, { domain, registry, user, immutable, say: listener.said, cancelled });
        return Promise.all(done.map(async (each) => ({ ...each, ...(await portray(registry, each.repository, each.digest)) })));
    });
    return { ...outcome, pushed };
}
/** Lets the runner's Docker trust a private authority until the post step. */
async function trustAuthority({ desired: { domain, acme } }, context) {
    if (acme.ca === undefined)
        return;
    const docker = await Docker.connect(context.cancelled);
    const file = trustFile(domain, (0,external_node_path_.basename)(context.folder), await docker.rootless());
    context.leaves(file);
    const source = (0,external_node_path_.join)(context.folder, 'ca.crt');
    (0,external_node_fs_.mkdirSync)(context.folder, { recursive: true, mode: 0o700 });
    (0,external_node_fs_.writeFileSync)(source, acme.ca);
    await docker_trust(file, source);
}

;// CONCATENATED MODULE: ./build/report/issue.js


/**
 * One issue is open while the certificate of `domain` is at risk. It is known by an invisible mark in its text and by its
 * author, so that its title and labels are free to be changed. `risk` is a sentence; `undefined` closes the issue.
 * Returns what was done, in a sentence, or `undefined` if nothing was to be done.
 */
async function keepIssue(to, domain, risk, expires) {
    const { octokit, repository, login } = await connect(to);
    const mark = `<!-- berth certificate ${domain} -->`;
    const issues = octokit.paginate.iterator('GET /repos/{owner}/{repo}/issues', {
        ...repository,
        ...{ state: 'open', sort: 'created', direction: 'desc', per_page: 100 },
    });
    // The API lists pull requests among them.
    const issue = await findEntry(issues, ({ user, body, pull_request }) => !pull_request && user?.login === login && !!body?.includes(mark));
    if (risk === undefined) {
        if (!issue)
            return undefined;
        const body = `The certificate of ${domain} is well again${expires ? `, and valid until ${expires.toISOString()}` : ''}.\n\n${mark}\n`;
        await octokit.request('PATCH /repos/{owner}/{repo}/issues/{issue_number}', {
            ...repository,
            ...{ issue_number: issue.number, body, state: 'closed', state_reason: 'completed' },
        });
        return `closed issue #${issue.number}`;
    }
    const [sentence = '', ...words] = risk.split('\n');
    const text = words.length === 0 ? inline(sentence) : `${inline(sentence)}\n\n${fenced(words.join('\n'), 'text')}`;
    const body = `${text}\n\nThis issue is kept up to date, and closed when the certificate is well again.\n\n${mark}\n`;
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

;// CONCATENATED MODULE: ./build/modes/renew.js







/** Renews if the certificate is due, looks at what is served, and says so on GitHub if it is at risk. */
async function renew(inputs, context) {
    const { domain } = inputs.desired;
    const { steps, facts, fatal, undone } = await renewed(inputs, context);
    let served;
    let failure = fatal;
    try {
        served = await context.group(`Check https://${domain}`, () => onEndpoint(inputs, endpoint => endpoint.certificate()));
        failure ??= assess(inputs, {
            served,
            disk: renew_onDisk(inputs, facts),
            ordered: steps.some(isOrder),
            reason: undone?.message,
            now: Date.now(),
        });
    }
    catch (error) {
        failure = (0,build_failure/* joined */.oR)([...(failure ? [failure] : []), (0,build_failure/* asFailure */.h_)(error)]);
    }
    if (undone && failure === undefined)
        context.listener.warned(undone);
    await onGitHub(inputs, context, 'the issue about the certificate', 'issues', repository => keepIssue(repository, domain, failure?.message, served?.validToDate));
    return {
        domain,
        steps,
        applied: true,
        pushed: [],
        ...(served && { certificate: served }),
        ...(failure && { failure }),
    };
}
async function renewed(inputs, context) {
    const result = { steps: [], facts: undefined, fatal: undefined, undone: undefined };
    const listener = {
        ...context.listener,
        looked(facts) {
            if (facts.file('site.file') === undefined) {
                throw new build_failure/* Failure */.HR('noRegistry', `this server has no registry ${inputs.desired.domain} of Berth’s; set it up with mode \`up\` first`);
            }
            result.facts = facts;
        },
        warned(failure) {
            result.undone = failure;
        },
    };
    try {
        result.steps = await onServer(context, server => context.group(`Server ${inputs.target?.host}`, () => converge(server, inputs.desired, planRenewal, listener)));
    }
    catch (error) {
        result.fatal = (0,build_failure/* asFailure */.h_)(error);
    }
    return result;
}
/** The certificate that the server had on disk before this run. */
function renew_onDisk({ desired }, facts) {
    if (desired.certificate)
        return new external_node_crypto_.X509Certificate(desired.certificate.chain);
    return facts && readLineage(facts).leaf;
}
/** What is wrong with the certificate that clients get, in a sentence; `undefined` if it is well. */
function assess({ desired: { domain, renewBefore, certificate } }, { served, disk, ordered, reason, now }) {
    const same = served.fingerprint256 === disk?.fingerprint256;
    if (disk && same === ordered) {
        const sentence = ordered
            ? `the certificate of ${domain} was renewed, and the old one is still served, until ${date(served)}; does the name point to this server on every address, and is there a proxy in front of it?`
            : `${domain} serves a certificate that is valid until ${date(served)}, and it is not the one on the server’s disk, which is valid until ${date(disk)}; does the name point to this server, and is there a proxy in front of it?`;
        return new build_failure/* Failure */.HR('renewal', sentence);
    }
    if (!due(served, renewBefore, now))
        return undefined;
    const left = Math.floor((served.validToDate.getTime() - now) / (24 * 60 * 60 * 1000));
    const risk = `the certificate of ${domain} is valid for only ${left} more ${left === 1 ? 'day' : 'days'}, until ${date(served)}`;
    return new build_failure/* Failure */.HR('renewal', certificate
        ? `${risk}; give a newer one as \`certificate\` and \`certificate-key\`, and run mode \`up\``
        : `${risk}, and could not be renewed: ${reason ?? 'the authority issued one that is valid no longer than that'}`);
}
function date({ validToDate }) {
    return validToDate.toISOString().replace(/\.\d+/, '');
}

;// CONCATENATED MODULE: ./build/modes/up.js









/** Converges, verifies, then pushes. */
function up(inputs, context) {
    return onEndpoint(inputs, async (endpoint) => {
        // Most runs change nothing; then what clients saw while the server was looked at is what they see.
        const seen = endpoint.verify(inputs.pushUser, (0,build_desired/* ownAuth */.Lz)(inputs.desired)).catch(() => undefined);
        // An image that can’t be pushed is better known before the server changes.
        const locals = await findLocals(inputs, context);
        const steps = await onServer(context, server => context.group(`Server ${inputs.target?.host}`, () => converge(server, inputs.desired, planUp, context.listener)));
        await proveLogins(inputs, context, steps);
        try {
            const outcome = steps.length === 0
                ? await deliver(endpoint, locals, inputs, context, seen)
                : // A connection from before a change would show what was before it.
                    await onEndpoint(inputs, fresh => deliver(fresh, locals, inputs, context));
            return { ...outcome, steps };
        }
        catch (error) {
            if (!(error instanceof DiskFull))
                throw error;
            const room = await onServer(context, server => server.run(`echo berth:room\ndf -h ${(0,shell/* quote */.hD)(`${inputs.desired.directory}/data`)}\n`));
            throw new build_failure/* Failure */.HR('diskFull', `${error.message}; ${freeRoom(room)}. Delete what is not needed, or enlarge the disk`);
        }
    });
}
/** New passwords that are tried: nginx holds up an address after twenty that it has not seen to be right. */
const maxLogins = 15;
/** A rotation is done when the new password has let its user in. */
async function proveLogins(inputs, { listener, group }, steps) {
    const fresh = freshUsers(inputs.desired.users ?? [], steps);
    const proved = fresh.slice(0, maxLogins);
    if (proved.length === 0)
        return;
    await group('Log in with new passwords', async () => {
        await onEndpoint(inputs, endpoint => endpoint.admit(proved));
        const rest = fresh.length - proved.length;
        listener.said(`logged in as ${names(proved.map(({ name }) => name))}${rest === 0 ? '' : `; ${rest} more are in the same file`}`);
    });
}
/** Reads `df -h`. */
function freeRoom(text) {
    const [, size, , free, , place] = text.trim().split('\n').at(-1)?.split(/\s+/) ?? [];
    return `${free} of ${size} are free on ${place}`;
}

;// CONCATENATED MODULE: ./build/report/help.js

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
/** The page that explains a failure. */
function helpFor({ topic }, env) {
    return page('troubleshooting.md', env) + (topic === undefined ? '' : `#${help_anchor(build_failure/* topics */.vp[topic])}`);
}

;// CONCATENATED MODULE: ./build/report/plain.js
/**
 * Foreign words for the log: what a server, a registry, a program or a file says. The runner takes a line that begins with `::`,
 * after blanks too, and `##[` anywhere in a line for a command, and ends lines at `\r` as well: so anything printed could stop
 * the masking of secrets or save state for the post step. All that the log prints goes through here.
 */
function plain(text) {
    return (text
        .replace(/\r\n?|[\u0085\u2028\u2029\v\f]/g, '\n')
        // Escape sequences of terminals, and other control characters.
        .replace(/\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|.)?/g, '')
        .replace(/[\0-\x08\x0e-\x1f\x7f-\x9f]/g, '�')
        .replace(/^(\s*):(?=:)/gm, '$1: ')
        .replace(/##(?=\[)/g, '## '));
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
        const changes = (0,format/* count */.U9)(steps.flatMap(({ changes }) => changes).length, 'change');
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
        const time = `  ${(0,format/* duration */.p0)(milliseconds)}`;
        if (first)
            this.said(planLine(step.resource, first) + time);
        for (const change of others)
            this.said(planLine(step.resource, change));
    };
    said = (text) => this.#console.info(plain(text));
    debug = (text) => this.#console.debug(plain(text));
    warned = (failure) => this.#console.warning(this.#helped(failure), { title: log_title(failure) });
    failed = (failure) => this.#console.error(this.#helped(failure), { title: log_title(failure) });
    /** A phase ends where the next one begins: GitHub’s groups can’t be one inside the other. */
    #begin(what) {
        this.#end();
        this.#open = { what, since: this.#now() };
        this.#console.startGroup(plain(what));
    }
    #end() {
        if (!this.#open)
            return;
        const { what, since } = this.#open;
        this.#open = undefined;
        this.phases.push({ what, milliseconds: this.#now() - since });
        this.#console.endGroup();
    }
    #helped(failure) {
        return `${plain(failure.message)}\n${helpFor(failure, this.#env)}`;
    }
}
// Titles are not masked by GitHub, so nothing of the message is in them.
function log_title({ topic }) {
    return `Berth: ${topic === undefined ? 'failed' : build_failure/* topics */.vp[topic]}`;
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
    const [sentence = '', ...words] = failure.message.split('\n');
    const block = fenced(words.map(line => line.trim()).join('\n'), 'text').trimEnd();
    const said = words.length > 0 ? ['', ...block.split('\n')] : [];
    const text = [`**Failed:** ${inline(sentence)}`, ...said, '', `[What to do](${help})`];
    return [['[!CAUTION]', ...text].map(line => `> ${line}`.trimEnd()).join('\n')];
}
/** The job summary of a run that was refused for its inputs. Each mistake begins with an input’s name. */
function mistakesSummary(mistakes, help) {
    const lines = mistakes
        .map(({ message }) => message.replace(/^([a-z-]+): /, '`$1` '))
        .map(text => `> - ${inline(text)}`);
    const title = `> **${(0,format/* count */.U9)(mistakes.length, 'input')} to correct.** Nothing was contacted, and nothing changed.`;
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
        ...(total > 0 ? [['Time', (0,format/* duration */.p0)(total)]] : []),
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
    const changes = (0,format/* count */.U9)(steps.flatMap(({ changes }) => changes).length, 'change');
    if (looked === false)
        return 'not looked at: this mode pushes only';
    if (steps.length === 0)
        return 'as it should be, nothing changed';
    return applied ? `${changes} made` : `${changes} to make; this was only a look`;
}
function validity({ validToDate }, now) {
    return `valid for <b>${(0,format/* count */.U9)((0,format/* daysUntil */.AQ)(validToDate, now), 'day')}</b> more, until ${validToDate.toISOString().slice(0, 10)}`;
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
        .map(({ action, names }) => `${words[action]} ${names.map(name => `<code>${html(name)}</code>`).join(' ')}`)
        .join('<br>');
}
function pushed({ domain, pushed }) {
    if (pushed.length === 0)
        return [];
    const rows = pushed.map(({ repository, tags, platforms = [], bytes }) => [
        code(repository),
        tags.map(code).join(' '),
        platforms.join(', '),
        bytes === undefined ? '' : (0,format/* megabytes */.ix)(bytes),
    ]);
    return [
        '### Pushed',
        table(['image', 'tags', 'platforms', 'size'], rows),
        summary_shell(pushed.map(({ repository, tags }) => `docker pull ${domain}/${repository}:${tags[0]}`)),
        details('By digest, for a deployment that must not change by itself', summary_shell(pushed.map(({ repository, digest }) => `docker pull ${domain}/${repository}@${digest}`))),
    ];
}
function changes({ steps, applied, failure }, { taken }) {
    if (steps.length === 0)
        return [];
    const rows = steps.flatMap(step => step.changes.map(({ action, summary }, index) => [
        verbs[action],
        step.resource,
        cell(summary),
        ...(applied ? [index > 0 && taken.has(step) ? '' : time(taken.get(step), failure)] : []),
    ]));
    const head = ['', 'resource', 'change', ...(applied ? ['time'] : [])];
    const title = applied ? 'Changed' : 'Would change';
    // A first run has many lines, and what was pushed is what most people look for.
    const folded = rows.length > 8 && failure === undefined && applied;
    return folded
        ? [details(`${title}: ${(0,format/* count */.U9)(rows.length, 'line')}`, table(head, rows))]
        : [`### ${title}`, table(head, rows)];
}
const verbs = { create: '**+**', update: '**~**', delete: '**−**' };
function time(milliseconds, failure) {
    if (milliseconds !== undefined)
        return (0,format/* duration */.p0)(milliseconds);
    return failure === undefined ? '' : 'not done';
}
function timings({ phases }) {
    const rows = phases
        .filter(({ milliseconds }) => milliseconds >= 50)
        .map(({ what, milliseconds }) => [what, (0,format/* duration */.p0)(milliseconds)]);
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
function summary_shell(lines) {
    return ['```sh', ...lines, '```'].join('\n');
}
function details(title, text) {
    return `<details><summary>${title}</summary>\n\n${text}\n\n</details>`;
}

;// CONCATENATED MODULE: ./build/action.js












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
async function run(begun, folder, cancelled) {
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
const modes = { up: up, plan: plan_plan, push: push, renew: renew, down: down };
function work({ inputs, pull, server }, folder, cancelled) {
    const mode = modes[inputs.mode];
    if (!mode)
        throw new build_failure/* Failure */.HR('input', `mode ${inputs.mode} is not there yet in this version of Berth`);
    return mode(inputs, {
        folder,
        listener: log,
        server,
        cancelled,
        group: log.group,
        leaves: file => core.saveState('trust', file),
        github: action_repository(pull),
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
        error.mistakes.forEach(fail);
        await write(mistakesSummary(error.mistakes, helpFor(error.mistakes[0] ?? (0,build_failure/* asFailure */.h_)(error), process.env)));
    }
    else {
        const failure = (0,build_failure/* asFailure */.h_)(error);
        fail(failure);
        if (error instanceof Error)
            log.debug(error.stack ?? '');
        await summarize({ domain, steps: log.steps, applied: true, pushed: [], failure });
    }
}
/** Never a stack trace, which tells a user nothing. */
function fail(failure) {
    log.failed(failure);
    process.exitCode = 1;
}
async function summarize(outcome) {
    const help = outcome.failure ? helpFor(outcome.failure, process.env) : '';
    const { phases, taken } = log;
    await write(summary(outcome, { now: Date.now(), phases, taken, help }));
}
/** Adds to the job summary; a run by hand has none. */
async function write(markdown) {
    if (process.env.GITHUB_STEP_SUMMARY)
        await core.summary.addRaw(markdown).write();
}
function action_repository(pull) {
    const { GITHUB_REPOSITORY: name, GITHUB_API_URL: api } = process.env;
    return name && api ? { name, api, pull } : undefined;
}


/***/ })

};
