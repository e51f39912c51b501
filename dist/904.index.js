export const id = 904;
export const ids = [904];
export const modules = {

/***/ 9904:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   parseAccess: () => (/* binding */ parseAccess)
/* harmony export */ });
/* harmony import */ var yaml__WEBPACK_IMPORTED_MODULE_0__ = __webpack_require__(8815);
/* harmony import */ var _resources_door_js__WEBPACK_IMPORTED_MODULE_1__ = __webpack_require__(4908);


/** Wildcards in one pattern: each more multiplies the steps that nginx takes to find that a name does not match. */
const maxWildcards = 2;
/**
 * Reads `access`, a YAML map from users to what they may do:
 *
 *     ci: push                      # everything, everywhere
 *     alice:
 *       pull: '**'
 *       push: [team/*, tools/lint]
 *     '*': pull                     # every other user
 *
 * `problem` hears of every mistake, `warning` of users who may do nothing.
 */
function parseAccess(text, users, problem, warning) {
    const access = new Map();
    for (const [name, value] of Object.entries(parseMap(text, problem))) {
        if (name !== '*' && !users.some(user => user.name === name || (0,_resources_door_js__WEBPACK_IMPORTED_MODULE_1__/* .ownerOf */ .bf)(user.name) === name))
            problem(`${JSON.stringify(name)} is not one of \`users\``);
        access.set(name, parseRights(name, value, problem));
    }
    const without = users.filter(({ name }) => {
        const { pull, push } = (0,_resources_door_js__WEBPACK_IMPORTED_MODULE_1__/* .rightsOf */ .DY)(name, access);
        return pull.length + push.length === 0;
    });
    if (without.length > 0 && access.size > 0) {
        const names = without.map(({ name }) => `\`${name}\``).join(', ');
        warning(`no rule lets ${names} pull or push anything; add rules for them, or one for \`'*'\`, which is every other user`);
    }
    return access;
}
function parseMap(text, problem) {
    try {
        const value = (0,yaml__WEBPACK_IMPORTED_MODULE_0__.parse)(text, { logLevel: 'error' });
        if (isMap(value))
            return value;
        problem('is not a YAML map from users to `pull`, `push` or both');
    }
    catch (error) {
        const [reason = ''] = error.message.split('\n');
        const hint = /(^|[\s[,])\*/m.test(text) ? " (quote what begins with *, as in '**')" : '';
        problem(`is not YAML: ${reason.replace(/:$/, '')}${hint}`);
    }
    return {};
}
function parseRights(name, value, problem) {
    const rights = { pull: [], push: [] };
    const path = JSON.stringify(name);
    if (value === 'pull' || value === 'push') {
        rights[value].push('**');
        return rights;
    }
    if (!isMap(value)) {
        problem(`${path} must be \`pull\`, \`push\`, or a map of the two to patterns of repositories`);
        return rights;
    }
    for (const [verb, given] of Object.entries(value)) {
        if (verb !== 'pull' && verb !== 'push') {
            problem(`${path} has ${JSON.stringify(verb)}; there are only \`pull\` and \`push\``);
            continue;
        }
        const patterns = Array.isArray(given) ? given : [given];
        for (const pattern of patterns) {
            if (isPattern(pattern))
                rights[verb].push(pattern);
            else {
                problem(`${path} may ${verb} ${JSON.stringify(pattern)}, which is no pattern of repositories; write a name in lower case, with * for any part between slashes or ** for anything, at most ${maxWildcards} of them`);
            }
        }
    }
    return rights;
}
function isPattern(value) {
    if (typeof value !== 'string' || value.length > 255)
        return false;
    const wildcards = value.match(/\*+/g) ?? [];
    return (/^[a-z0-9*](?:[a-z0-9*._-]*[a-z0-9*])?(?:\/[a-z0-9*](?:[a-z0-9*._-]*[a-z0-9*])?)*$/.test(value) &&
        wildcards.length <= maxWildcards &&
        wildcards.every(each => each.length <= 2) &&
        value.split('/').every(each => !each.includes('**') || each === '**'));
}
function isMap(value) {
    return typeof value === 'object' && value !== null && !Array.isArray(value);
}


/***/ }),

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


/***/ })

};
