export const id = "keep";
export const ids = ["keep",110];
export const modules = {

/***/ 7871:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   parseKeep: () => (/* binding */ parseKeep)
/* harmony export */ });
/* harmony import */ var _json_js__WEBPACK_IMPORTED_MODULE_2__ = __webpack_require__(9368);
/* harmony import */ var _map_js__WEBPACK_IMPORTED_MODULE_0__ = __webpack_require__(4322);
/* harmony import */ var _rights_js__WEBPACK_IMPORTED_MODULE_1__ = __webpack_require__(954);



const counts = ['last', 'days', 'pulled', 'untagged'];
const lines = ['tags', ...counts, 'empty'];
/** Days, or tags. More than that must be a typing mistake. */
const maxCount = 100_000;
/** Wildcards in one pattern of `tags`. */
const maxTagWildcards = 4;
/**
 * Reads `keep`, a YAML map from patterns of repositories to what stays there:
 *
 *     team/**:
 *       tags: [latest, 'v*']   # always
 *       last: 10               # the ten pushed last
 *       days: 30               # what was pushed in the last 30 days
 *       pulled: 30             # what was pulled in the last 30 days
 *       untagged: 7            # images without a tag, for 7 days
 *     scratch/**: { last: 0, empty: true }
 *
 * Everything is text, as it is written: a tag may be `1.0` or `012`. `mistake` hears of every mistake, with its path.
 */
function parseKeep(text, mistake) {
    const rules = (0,_map_js__WEBPACK_IMPORTED_MODULE_0__/* .parseMap */ .y)(text, 'patterns of repositories to what stays there', mistake);
    return [...rules].map(([pattern, value]) => parseRule(pattern, value, mistake));
}
function parseRule(pattern, value, mistake) {
    const path = JSON.stringify(pattern);
    let isRead = true;
    const wrong = (line, given, form) => {
        isRead = false;
        mistake(`${path}.${line} is ${JSON.stringify(given)}; write ${form}`);
    };
    if (!(0,_rights_js__WEBPACK_IMPORTED_MODULE_1__/* .isPattern */ .P)(pattern))
        mistake(`${path} is no pattern of repositories; write a name in lower case, with * for any part between slashes or ** for anything, at most ${_rights_js__WEBPACK_IMPORTED_MODULE_1__/* .maxWildcards */ .U} of them`);
    const rule = {
        ...{ pattern, tags: [], empty: false },
        ...{ last: undefined, days: undefined, pulled: undefined, untagged: undefined },
    };
    if (!(0,_json_js__WEBPACK_IMPORTED_MODULE_2__/* .isObject */ .Gv)(value)) {
        mistake(`${path} must be a map of ${lines.map(line => `\`${line}\``).join(', ')}`);
        return rule;
    }
    for (const line of Object.keys(value).filter(each => !lines.includes(each))) {
        isRead = false;
        mistake(`${path} has ${JSON.stringify(line)}; there are only ${lines.map(each => `\`${each}\``).join(', ')}`);
    }
    if (value.tags !== undefined) {
        for (const tag of Array.isArray(value.tags) ? value.tags : [value.tags]) {
            if (isTagPattern(tag))
                rule.tags.push(tag);
            else
                wrong('tags', tag, `names of tags, with * for any part, at most ${maxTagWildcards} of them, such as [latest, 'v*']`);
        }
    }
    for (const line of counts) {
        const given = value[line];
        if (given === undefined)
            continue;
        if (typeof given === 'string' && /^\d{1,6}$/.test(given) && Number(given) <= maxCount)
            rule[line] = Number(given);
        else
            wrong(line, given, `a whole number from 0 to ${maxCount}`);
    }
    if (value.empty === 'true' || value.empty === 'false')
        rule.empty = value.empty === 'true';
    else if (value.empty !== undefined)
        wrong('empty', value.empty, '`true` or `false`');
    // What is wrong was meant to keep something.
    if (isRead && !rule.empty && keepsNoTag(rule))
        mistake(`${path} keeps no tag; say what stays with \`tags\`, \`last\`, \`days\` or \`pulled\`, or add \`empty: true\` if everything may go`);
    return rule;
}
function keepsNoTag({ tags, last, days, pulled }) {
    return tags.length === 0 && !last && !days && !pulled;
}
function isTagPattern(value) {
    return (typeof value === 'string' &&
        /^[\w*][\w.*-]{0,127}$/.test(value) &&
        (value.match(/\*+/g) ?? []).length <= maxTagWildcards);
}


/***/ }),

/***/ 4322:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   y: () => (/* binding */ parseMap)
/* harmony export */ });
/* harmony import */ var yaml__WEBPACK_IMPORTED_MODULE_0__ = __webpack_require__(8815);
/* harmony import */ var _failure_js__WEBPACK_IMPORTED_MODULE_1__ = __webpack_require__(9874);


/**
 * Reads a YAML map in which everything is text, as it is written: a name may be `012` or `1e3`. `form` says what the map should
 * contain, for the message. If the text is no such map, calls `mistake` and returns an empty map. A key that is there twice is
 * a mistake too, but the map is read on, for what else is wrong with it. Names are in the order of the text; those of an object
 * that are numbers would come first.
 */
function parseMap(text, form, mistake) {
    try {
        const document = (0,yaml__WEBPACK_IMPORTED_MODULE_0__.parseDocument)(text, { logLevel: 'error', schema: 'failsafe' });
        for (const error of document.errors) {
            if (error.code !== 'DUPLICATE_KEY')
                throw error;
            const [key] = /^[^:\n]*/.exec(text.slice(error.pos[0])) ?? [];
            mistake(`line ${error.linePos?.[0].line}: ${key} is there twice; write what belongs to it in one place`);
        }
        const { contents } = document;
        if ((0,yaml__WEBPACK_IMPORTED_MODULE_0__/* .isMap */ .jh)(contents)) {
            const plain = (node) => ((0,yaml__WEBPACK_IMPORTED_MODULE_0__/* .isNode */ .Ll)(node) ? node.toJS(document) : node);
            return new Map(contents.items.map(({ key, value }) => [String(plain(key)), plain(value)]));
        }
        mistake(`is not a YAML map from ${form}`);
    }
    catch (error) {
        const [reason = ''] = (0,_failure_js__WEBPACK_IMPORTED_MODULE_1__/* .asFailure */ .h_)(error).message.split('\n');
        const hint = /(^|[\s[,])\*/m.test(text) ? " (quote what begins with *, as in '**')" : '';
        mistake(`is not YAML: ${reason.replace(/:$/, '')}${hint}`);
    }
    return new Map();
}


/***/ }),

/***/ 954:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   P: () => (/* binding */ isPattern),
/* harmony export */   U: () => (/* binding */ maxWildcards),
/* harmony export */   parseAccess: () => (/* binding */ parseAccess)
/* harmony export */ });
/* harmony import */ var _desired_js__WEBPACK_IMPORTED_MODULE_1__ = __webpack_require__(350);
/* harmony import */ var _json_js__WEBPACK_IMPORTED_MODULE_2__ = __webpack_require__(9368);
/* harmony import */ var _map_js__WEBPACK_IMPORTED_MODULE_0__ = __webpack_require__(4322);



/** Wildcards in one pattern. Each one more multiplies the steps that nginx needs to see that a name does not match. */
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
 * Everything is text, as it is written: a user\u2019s name may be `012` or `1e3`.
 *
 * Calls `mistake` for every mistake, and `warning` for users without access.
 */
function parseAccess(text, users, mistake, warning) {
    const access = new Map();
    for (const [name, value] of (0,_map_js__WEBPACK_IMPORTED_MODULE_0__/* .parseMap */ .y)(text, 'users to `pull`, `push` or both', mistake)) {
        if (name !== '*' && !users.some(user => user.name === name || (0,_desired_js__WEBPACK_IMPORTED_MODULE_1__/* .ownerOf */ .bf)(user.name) === name))
            mistake(`${JSON.stringify(name)} is not one of \`users\``);
        access.set(name, parseRights(name, value, mistake));
    }
    const without = users.filter(({ name }) => {
        const { pull, push } = (0,_desired_js__WEBPACK_IMPORTED_MODULE_1__/* .rightsOf */ .DY)(name, access);
        return pull.length + push.length === 0;
    });
    if (without.length > 0) {
        const names = without.map(({ name }) => `\`${name}\``).join(', ');
        warning(`no rule lets ${names} pull or push anything; add rules for them, or one for \`'*'\`, which is every other user`);
    }
    return access;
}
function parseRights(name, value, mistake) {
    const rights = { pull: [], push: [] };
    const path = JSON.stringify(name);
    if (value === 'pull' || value === 'push') {
        rights[value].push('**');
        return rights;
    }
    if (!(0,_json_js__WEBPACK_IMPORTED_MODULE_2__/* .isObject */ .Gv)(value)) {
        mistake(`${path} must be \`pull\`, \`push\`, or a map of the two to patterns of repositories`);
        return rights;
    }
    for (const [verb, given] of Object.entries(value)) {
        if (verb !== 'pull' && verb !== 'push') {
            mistake(`${path} has ${JSON.stringify(verb)}; there are only \`pull\` and \`push\``);
            continue;
        }
        const patterns = Array.isArray(given) ? given : [given];
        for (const pattern of patterns) {
            if (isPattern(pattern))
                rights[verb].push(pattern);
            else {
                mistake(`${path} may ${verb} ${JSON.stringify(pattern)}, which is not a repository pattern; write a name in lower case, with * for any part between slashes or ** for anything, at most ${maxWildcards} of them`);
            }
        }
    }
    return rights;
}
/** Whether it is a repository\u2019s name in lower case, in which there may be `*` and `**`. */
function isPattern(value) {
    if (typeof value !== 'string' || value.length > 255)
        return false;
    const wildcards = value.match(/\*+/g) ?? [];
    return (/^[a-z0-9*](?:[a-z0-9*._-]*[a-z0-9*])?(?:\/[a-z0-9*](?:[a-z0-9*._-]*[a-z0-9*])?)*$/.test(value) &&
        wildcards.length <= maxWildcards &&
        wildcards.every(each => each.length <= 2) &&
        value.split('/').every(each => !each.includes('**') || each === '**'));
}


/***/ })

};
