export const id = "action";
export const ids = ["action"];
export const modules = {

/***/ 2957:
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
// EXTERNAL MODULE: ./build/format.js
var format = __webpack_require__(7413);
;// CONCATENATED MODULE: ./build/report/secrets.js
/**
 * Secrets in what reaches people by another way than the log. The runner masks only its log, and there only what is written as it was
 * given: not what GitHub\u2019s API takes, nor a summary, in which some characters are escaped.
 */
const secrets = [];
/** Shorter ones are parts of too many words. */
const shortest = 4;
/** Hides these texts from now on. */
function hide(texts) {
    secrets.push(...texts.filter(({ length }) => length >= shortest));
    // One may be a part of another.
    secrets.sort((a, b) => b.length - a.length);
}
/** The text with `***` in place of each secret, as the runner masks its log. */
function secrets_hidden(text) {
    return secrets.reduce((rest, secret) => (rest.includes(secret) ? rest.replaceAll(secret, '***') : rest), text);
}

;// CONCATENATED MODULE: ./build/report/markdown.js

/** Foreign text in Markdown, so that the job summary, comments and issues show it as it is and it has no effect. */
/**
 * A sentence. Text between single backticks stays code, as in Berth\u2019s messages. Everything else is plain text: no HTML, links,
 * headings or mentions. A backslash or several backticks in a row could make GitHub pair the backticks in another way.
 */
function inline(text) {
    return oneLine(text)
        .replace(/`{2,}/g, '\u2019')
        .split(/(`[^`]*`)/)
        .map((part, index) => (index % 2 === 1 ? part : escaped(part)))
        .join('');
}
/** The same in a cell of a table. */
function cell(text) {
    return barred(inline(text));
}
/** A name in code. */
function code(text) {
    return `\`${oneLine(text).replaceAll('`', '\u2019')}\``;
}
/** The same in a cell of a table, which ends at a `|` in code too. */
function cellCode(text) {
    return barred(code(text));
}
/** Escapes `|`. Backslashes before it are removed, because they would escape the added one. */
function barred(markdown) {
    return markdown.replace(/\\*\|/g, '\\|');
}
/** A block of lines. A fence in the text itself must not end it. */
function fenced(text, language = '') {
    const shown = secrets_hidden(text).replaceAll('\r', '\n');
    const longest = Math.max(2, ...[...shown.matchAll(/`+/g)].map(([ticks]) => ticks.length));
    const fence = '`'.repeat(longest + 1);
    return `${fence}${language}\n${shown}\n${fence}\n`;
}
/** A text in HTML. */
function html(text) {
    return apart(oneLine(text)).replace(/[&<>"]/g, sign => entities[sign] ?? '');
}
function oneLine(text) {
    return secrets_hidden(text).replace(/[\r\n]+/g, ' ');
}
function escaped(text) {
    return apart(text)
        .replace(/[\\`*_{}[\]~]/g, '\\$&')
        .replace(/[&<>]/g, sign => entities[sign] ?? '');
}
const entities = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
// GitHub finds mentions and issue numbers after it has resolved entities and escapes, so only a character in between helps.
function apart(text) {
    return text.replace(/@(?=\w)|#(?=\d)/g, sign => `${sign}\u200b`);
}

;// CONCATENATED MODULE: ./build/report/table.js
/** Tables and folded sections of the job summary, in GitHub\u2019s Markdown. */
/** Columns that are aligned to the right. */
const numbers = ['time', 'size', 'stays', 'goes', 'untagged'];
/** Cells are Markdown already. */
function table(head, rows) {
    return [head, head.map(name => (numbers.includes(name) ? '---:' : ':---')), ...rows]
        .map(cells => `| ${cells.join(' | ')} |`)
        .join('\n');
}
/** A folded section. */
function details(title, text) {
    return `<details><summary>${title}</summary>\n\n${text}\n\n</details>`;
}

;// CONCATENATED MODULE: ./build/report/retention.js



/** Rows of one table. A summary may have a mebibyte, and readers want less. */
const maxRows = 500;
function deletions({ repositories }) {
    return repositories.flatMap(({ name, goes }) => goes.map(verdict => ({ ...verdict, repository: name })));
}
/** The tags that were deleted: not those that were pushed again in the meantime. */
function deleted({ retention, collected }) {
    if (retention === undefined)
        return [];
    const stayed = new Set(collected?.changed.map(({ repository, tag }) => `${repository}:${tag}`));
    return deletions(retention).filter(({ repository, tag }) => !stayed.has(`${repository}:${tag}`));
}
/** Whether mode `clean` has taken anything out of the registry, or put it back. */
function isCleaned({ retention, collected }) {
    if (collected === undefined)
        return false;
    const { moved, restored } = collected;
    return (moved > 0 ||
        restored.tags.length > 0 ||
        deleted({ ...(retention && { retention }), collected }).length > 0);
}
/** The output `deleted`; in mode `plan`, what would be deleted. */
function deletedJson(outcome) {
    return JSON.stringify(deleted(outcome).map(({ repository, tag, digest }) => ({ repository, tag, digest })));
}
/** The output `freed`, in bytes; in mode `plan`, what would be freed. */
function freedBytes({ retention, collected }) {
    return collected?.moved ?? retention?.freed ?? 0;
}
/** For the last line of the log. */
function cleaning(retention, collected) {
    if (retention === undefined)
        return collected === undefined ? [] : [`${(0,format/* count */.U9)(collected.restored.tags.length, 'tag')} put back`];
    const tags = deletions(retention).length - (collected?.changed.length ?? 0);
    return [
        `${(0,format/* count */.U9)(tags, 'tag')} ${collected ? 'deleted' : 'to delete'}`,
        `${(0,format/* megabytes */.ix)(collected?.moved ?? retention.freed)} ${collected ? 'freed' : 'to free'}`,
    ];
}
/**
 * What goes, what stays, and why, by repository, as lines of the log. A plan (not `done`) also has the repositories in which a rule
 * keeps everything.
 */
function retentionLines(retention, done) {
    const verb = (amount) => (!done ? 'would go' : amount === 1 ? 'goes' : 'go');
    const lines = retention.repositories
        .filter(({ rule, goes, untagged }) => goes.length + untagged > 0 || (!done && rule !== undefined))
        .flatMap(({ name, goes, stays, untagged }) => [
        `${name}: ${(0,format/* count */.U9)(goes.length, 'tag')} ${verb(goes.length)}, ${stays.length} ${stays.length === 1 ? 'stays' : 'stay'}${untagged > 0 ? `, and ${(0,format/* count */.U9)(untagged, 'image')} without a tag ${verb(untagged)}` : ''}`,
        ...goes.map(({ tag, digest, pushed, bytes, reason }) => `- ${name}:${tag} ${digest.slice(0, 19)} ${date(pushed)} ${(0,format/* megabytes */.ix)(bytes)}: ${reason}`),
        ...stays.map(({ tag, reason }) => `= ${name}:${tag}: ${reason}`),
    ]);
    const why = retention.ruled ? '`keep` keeps them all' : 'there is no `keep`';
    return [...(lines.length === 0 ? [`no tag is deleted: ${why}`] : lines), room(retention)];
}
/** The room on the disk, before and after. A bucket has no limit. */
function room({ freed, unneeded, disk, aside }) {
    const later = unneeded - freed;
    return [
        ...(disk.bytes === 0
            ? [`${(0,format/* megabytes */.ix)(freed + aside)} less in the bucket when what goes is deleted`]
            : [
                `${(0,format/* megabytes */.ix)(disk.free)} of ${(0,format/* megabytes */.ix)(disk.bytes)} are free`,
                `${(0,format/* megabytes */.ix)(disk.free + freed + aside)} when what goes is deleted`,
            ]),
        ...(later > 0
            ? [`another ${(0,format/* megabytes */.ix)(later)} was pushed or used too recently, and a later run takes it`]
            : []),
    ].join('; ');
}
/** For the job summary. */
function retentionSummary(outcome) {
    const { retention, collected } = outcome;
    if (collected && !retention) {
        const { tags, blobs } = collected.restored;
        return [
            '### Put back',
            tags.length === 0
                ? `${blobs === 0 ? 'There was nothing to put back.' : `${(0,format/* count */.U9)(blobs, 'blob')}, and no tag.`}`
                : tags
                    .slice(0, maxRows)
                    .map(each => `- ${code(each)}`)
                    .join('\n'),
            ...more(tags.length, maxRows),
        ];
    }
    return retention ? markdown(retention, collected, maxRows) : [];
}
/** For the comment on a pull request, which has room for `characters`. */
function retentionComment(retention, characters) {
    for (let rows = maxRows; rows > 0; rows = Math.floor(rows / 2)) {
        const text = `${markdown(retention, undefined, rows).join('\n\n')}\n`;
        if (text.length <= characters)
            return text;
    }
    return `Mode \`clean\` would delete ${(0,format/* count */.U9)(deletions(retention).length, 'tag')}; the list is in the log of the step.\n`;
}
function markdown(retention, collected, rows) {
    const { repositories } = retention;
    const gone = deleted({ retention, ...(collected && { collected }) });
    const affected = repositories.filter(({ goes, untagged }) => goes.length + untagged > 0);
    const stays = repositories.flatMap(({ name, stays }) => stays.map(({ tag, reason }) => [cellCode(`${name}:${tag}`), cell(reason)]));
    const title = collected ? 'Deleted' : 'Mode `clean` would delete';
    const nothing = retention.ruled ? 'Nothing: `keep` keeps every tag.' : 'No tag: there is no `keep`.';
    return [
        `### ${title}`,
        ...(affected.length === 0 ? [nothing] : [...totals(affected, rows), ...listed(gone, rows)]),
        sentence(retention, collected),
        ...(stays.length === 0
            ? []
            : [
                details(`What stays, and why: ${(0,format/* count */.U9)(stays.length, 'tag')}`, [table(['tag', 'kept by'], stays.slice(0, rows)), ...more(stays.length, rows)].join('\n\n')),
            ]),
    ];
}
function totals(affected, rows) {
    const hasUntagged = affected.some(({ untagged }) => untagged > 0);
    const lines = affected
        .slice(0, rows)
        .map(({ name, stays, goes, untagged }) => [
        ...[cellCode(name), `${stays.length}`, `${goes.length}`],
        ...(hasUntagged ? [untagged === 0 ? '' : `${untagged}`] : []),
    ]);
    const header = ['repository', 'stays', 'goes', ...(hasUntagged ? ['untagged'] : [])];
    return [table(header, lines), ...more(affected.length, rows)];
}
function listed(gone, rows) {
    if (gone.length === 0)
        return [];
    const lines = gone.slice(0, rows).map(({ repository, tag, digest, pushed, bytes, reason }) => [
        cellCode(`${repository}:${tag}`),
        cellCode(digest.replace(/^.*:/, '').slice(0, 12)),
        // Without line breaks within a date, so that the column is easy to read.
        date(pushed).slice(0, 10).replaceAll('-', '\u2011'),
        (0,format/* megabytes */.ix)(bytes).replace(' ', '\u00a0'),
        cell(reason),
    ]);
    const text = [table(['tag', 'digest', 'pushed', 'size', 'why'], lines), ...more(gone.length, rows)];
    return gone.length > 12 ? [details(`The ${(0,format/* count */.U9)(gone.length, 'tag')}, and why`, text.join('\n\n'))] : text;
}
function more(all, rows) {
    return all > rows ? [`And ${all - rows} more: the log of the step has them all.`] : [];
}
function sentence(retention, collected) {
    const { freed, unneeded, disk, aside } = retention;
    const moved = collected?.moved ?? freed;
    const words = collected
        ? `**${(0,format/* megabytes */.ix)(moved)}** set aside, for a later run to delete; \`undo: true\` puts it back until then.${collected.freed > 0 ? ` ${(0,format/* megabytes */.ix)(collected.freed)} that an earlier run had set aside are deleted.` : ''}`
        : `**${(0,format/* megabytes */.ix)(moved)}** come back, counting once what images share.`;
    const later = unneeded - freed;
    return [
        words,
        ...(disk.bytes === 0
            ? []
            : [
                `${(0,format/* megabytes */.ix)(disk.free)} of ${(0,format/* megabytes */.ix)(disk.bytes)} on the disk are free, and ${(0,format/* megabytes */.ix)(disk.free + aside + moved)} once that is deleted.`,
            ]),
        ...(later > 0
            ? [`Another ${(0,format/* megabytes */.ix)(later)} was pushed or used too recently; a later run takes it.`]
            : []),
    ].join(' ');
}
function date(seconds) {
    return new Date(seconds * 1000).toISOString().slice(0, 16).replace('T', ' ');
}

// EXTERNAL MODULE: external "node:timers/promises"
var promises_ = __webpack_require__(8500);
;// CONCATENATED MODULE: ./build/retention/turn.js


/** Another run works in the same bucket, from the server `name`, since a time in seconds since 1970. */
class Taken extends build_failure/* Failure */.HR {
    holder;
    constructor(name, since) {
        const holder = `another run of mode \`clean\` is at work in this bucket, from ${name} since ${new Date(since * 1000).toISOString().replace(/\.\d+/, '')}`;
        super('busy', `${holder}; wait for it and run again`);
        this.holder = holder;
    }
}
/** Milliseconds for which a run waits for others in its bucket, and about how long until it tries again. */
const usual = { timeout: 900_000, pause: 10_000 };
/** Waits as long as `work` throws `Taken`; `said` hears once for whom. */
async function inTurn(work, said, cancelled, { timeout, pause } = usual) {
    const started = performance.now();
    let told = false;
    for (;;) {
        try {
            return await work();
        }
        catch (error) {
            if (!(error instanceof Taken) || performance.now() - started > timeout)
                throw error;
            if (!told)
                said(`waiting: ${error.holder}`);
            told = true;
            // Two that gave way to each other must not do so for ever.
            await (0,promises_.setTimeout)(pause * (0.5 + Math.random()), undefined, { signal: cancelled });
        }
    }
}

;// CONCATENATED MODULE: ./build/retention/collected.js


/** What the server is told to set aside, as `store.pl collect` reads it. */
function orders({ repositories, manifests, time }) {
    return [
        `planned ${time}\n`,
        ...repositories.flatMap(({ name, goes }) => goes.map(({ tag, digest, pushed }) => `tag ${name} ${tag} ${digest} ${Math.floor(pushed)}\n`)),
        ...manifests.map(({ repository, digest, pushed }) => `manifest ${repository} ${digest} ${Math.floor(pushed)}\n`),
    ].join('');
}
/** Reads the output of the program. Throws if it failed or did not finish, and `Taken` if another run is at work in the bucket. */
function parseCollected(text) {
    const collected = {
        ...{ changed: [], moved: 0, blobs: 0, freed: 0 },
        restored: { tags: [], blobs: 0 },
    };
    let isWhole = false;
    for (const line of text.split('\n')) {
        const [kind, first = '', second = ''] = line.split(' ');
        if (kind === 'changed')
            collected.changed.push({ repository: first, tag: second });
        else if (kind === 'moved')
            [collected.moved, collected.blobs] = [Number(first), Number(second)];
        else if (kind === 'freed')
            collected.freed = Number(first);
        else if (kind === 'back')
            collected.restored.tags.push(`${first}:${second}`);
        else if (kind === 'restored') {
            if (second !== '')
                collected.restored.blobs = Number(second);
            isWhole = true;
        }
        else if (kind === 'nothing')
            isWhole = true;
        else if (kind === 'busy')
            throw new Taken(first, Number(second));
        else if (kind === 'error') {
            const words = line.slice('error '.length);
            // What is wrong with a bucket is told with what to do.
            throw words.startsWith('the bucket ')
                ? new build_failure/* Failure */.HR('bucket', `the server could not collect garbage: ${words}, which continues from there`)
                : new build_failure/* Failure */.HR('keep', `the server could not collect garbage: ${words}; fix that and run again, which continues from there`);
        }
    }
    if (!isWhole)
        throw new build_failure/* Failure */.HR('connectionLost', 'collecting garbage was cut off; run the workflow again, which continues from there');
    return collected;
}

// EXTERNAL MODULE: ./build/server/failure.js
var failure = __webpack_require__(5196);
// EXTERNAL MODULE: ./build/server/protocol.js
var protocol = __webpack_require__(6824);
// EXTERNAL MODULE: ./build/shell.js
var shell = __webpack_require__(2474);
;// CONCATENATED MODULE: ./build/retention/inventory.js

/** Characters that names may have, as in the registry itself. */
const maxRepository = 255;
const maxTag = 128;
/** Reads the lines of `store.pl look`, and of the logs. Throws if they are incomplete, or not as the program would print them. */
function parseInventory(text) {
    const blobs = [];
    const manifests = new Map();
    const repositories = [];
    const names = new Set();
    const pulls = new Map();
    const numbers = { time: 0, aside: -1, logs: 0, size: 0, free: 0 };
    let isTimed = true;
    for (const line of text.split('\n')) {
        const [kind, ...words] = line.split(' ');
        const [first = '', second = '', third = '', fourth = ''] = words;
        const current = repositories.at(-1);
        if (kind === 'blob')
            blobs.push({
                ...{ digest: digest(first), bytes: amount(second) },
                ...{ fresh: third === '1', large: third === 'large' },
            });
        else if (kind === 'manifest') {
            manifests.set(amount(first), {
                subject: second === '-' ? undefined : amount(second),
                list: third === '1',
                refers: fourth === '' ? [] : fourth.split(',').map(amount),
            });
        }
        else if (kind === 'repository') {
            // Somebody else\u2019s, made up to look like this one.
            if (names.has(first))
                throw unreadable(first);
            names.add(first);
            repositories.push({ name: named(first, maxRepository), tags: [], revisions: [] });
        }
        else if (kind === 'tag')
            current?.tags.push({
                name: named(first, maxTag),
                manifest: amount(second),
                pushed: seconds(third),
                asked: seconds(fourth),
            });
        else if (kind === 'revision')
            current?.revisions.push({
                manifest: amount(first),
                pushed: seconds(second),
                asked: seconds(third),
                left: seconds(fourth),
            });
        else if (kind === 'pull') {
            // Several servers may report the same image.
            const name = `${first} ${second}`;
            pulls.set(name, Math.max(seconds(third), pulls.get(name) ?? 0));
        }
        else if (kind === 'noatime')
            isTimed = false;
        else if (kind === 'error')
            throw refused(words.join(' '));
        else if (kind === 'disk')
            [numbers.size, numbers.free] = [amount(first), amount(second)];
        // All of the logs together only cover the time of the shortest one.
        else if (kind === 'logs')
            numbers.logs = Math.max(numbers.logs, amount(first));
        else if (kind === 'time' || kind === 'aside')
            numbers[kind] = amount(first);
    }
    // This line comes last.
    if (numbers.aside < 0)
        throw new build_failure/* Failure */.HR('connectionLost', 'the server\u2019s list of images was cut off; run the workflow again');
    const { time, aside, logs, size, free } = numbers;
    return {
        ...{ time, aside, blobs, manifests, repositories, pulls },
        ...{ disk: { bytes: size, free }, pullsSince: isTimed ? 0 : logs },
    };
}
function amount(text) {
    return matching(text, /^-?\d{1,15}$/);
}
/** Seconds since 1970, with a fraction if it is a tag\u2019s. */
function seconds(text) {
    return matching(text, /^\d{1,11}(\.\d{1,9})?$/);
}
function digest(text) {
    if (!/^[a-z0-9]+:[0-9a-f]+$/.test(text))
        throw unreadable(text);
    return text;
}
function matching(text, form) {
    if (!form.test(text))
        throw unreadable(text);
    return Number(text);
}
function named(text, characters) {
    if (text.length === 0 || text.length > characters)
        throw unreadable(text);
    return text;
}
function unreadable(text) {
    return new build_failure/* Failure */.HR('keep', `the server\u2019s list of images has \`${text.slice(0, 40)}\` where there can be no such thing, so nothing was deleted; look at the folders in \`data/docker/registry/v2\` there`);
}
/** What is wrong with a bucket is told with what to do. */
function refused(words) {
    const sentence = `the server can\u2019t tell which images it has: ${words}`;
    return words.startsWith('the bucket ')
        ? new build_failure/* Failure */.HR('bucket', sentence)
        : new build_failure/* Failure */.HR('keep', `${sentence}; fix that and run again`);
}

// EXTERNAL MODULE: external "node:zlib"
var external_node_zlib_ = __webpack_require__(8522);
;// CONCATENATED MODULE: ./build/retention/packed.js


/** Bytes of a list of images: one of a million layers takes half of that. */
const maxOutputLength = 256 << 20;
/** Reads what a server has packed with gzip and base64. A server can pack a thousandfold of what it sends, so there is a limit. */
function unpack(text) {
    try {
        return (0,external_node_zlib_.gunzipSync)(Buffer.from(text ?? '', 'base64'), { maxOutputLength }).toString();
    }
    catch (error) {
        if (error.code === 'ERR_BUFFER_TOO_LARGE')
            throw new build_failure/* Failure */.HR('keep', 'the server\u2019s list of images has no end; look at the folders in `data/docker/registry/v2` there');
        throw new build_failure/* Failure */.HR('connectionLost', 'the server\u2019s answer was cut off; run the workflow again');
    }
}

;// CONCATENATED MODULE: ./build/retention/logs.js





/** For a server that is alone. */
const noLogs = { layers: [], pulls: [] };
/** Asks a server for it. Throws if this registry is not there. */
async function readLog(server, { directory, domain }, keep) {
    const said = await server.run((0,shell/* compose */.Zz)(['server/protocol', 'server/facts', 'retention/retention'], [(0,shell/* line */.n8)(['retention_logs', directory, domain, ...pullsProgram(keep)])]));
    if ((0,protocol/* lastMarker */.zK)(said, 'retention.domain') !== domain)
        throw noRegistry(domain);
    return {
        layers: (0,protocol/* lastMarker */.zK)(said, 'retention.layers') ?? '',
        pulls: (0,protocol/* lastMarker */.zK)(said, 'retention.pulls') ?? (0,external_node_zlib_.gzipSync)('').toString('base64'),
    };
}
function gather(logs) {
    return { layers: logs.map(({ layers }) => layers), pulls: logs.map(({ pulls }) => unpack(pulls)) };
}
/** The program that reads pulls from a log, if a rule needs them. */
function pullsProgram(keep) {
    return keep?.some(({ pulled }) => pulled !== undefined) ? [(0,shell/* library */.Yv)('retention/pulls.pl')] : [];
}
/** The line of a script that tells `retention_bucket` of the other servers. */
function otherLogs({ layers }) {
    return layers.length === 0 ? [] : [`OTHER_LOGS=${(0,shell/* quote */.hD)(layers.join(' '))}`];
}
function noRegistry(domain) {
    return new build_failure/* Failure */.HR('noRegistry', `this server has no registry ${domain} set up by Berth; set it up with mode \`up\` first`);
}

;// CONCATENATED MODULE: ./build/retention/graph.js
/** Manifests, and what they need. */
class Graph {
    #blobs;
    #manifests;
    #numbers;
    #time;
    #grace;
    constructor({ blobs, manifests, time }, grace) {
        this.#time = time;
        this.#grace = grace;
        this.#blobs = blobs;
        this.#manifests = manifests;
        this.#numbers = new Map(blobs.map(({ digest }, number) => [digest, number]));
    }
    blob = (number) => this.#blobs[number] ?? { digest: '', bytes: 0, fresh: false, large: false };
    digest(number) {
        return this.blob(number).digest;
    }
    subject(number) {
        return this.#manifests.get(number)?.subject;
    }
    isFresh(pushed) {
        return this.#time - pushed < this.#grace;
    }
    /** Whether somebody may be pulling it. Disks update the time of the last access only once a day, so the grace counts twice. */
    isAsked(asked) {
        return this.#time - asked < 2 * this.#grace;
    }
    isList(manifest) {
        return this.#manifests.get(manifest)?.list ?? true;
    }
    /** `undefined` if there is nothing with this digest, and nothing names it. */
    number(digest) {
        return this.#numbers.get(digest);
    }
    /** Everything that manifests need, including themselves. */
    closure(manifests) {
        const reached = new Set();
        this.extend(reached, manifests);
        return reached;
    }
    /** Adds to a closure everything that more manifests need. Returns what is new in it. */
    extend(reached, manifests) {
        const added = [];
        const queue = [...manifests];
        for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
            if (reached.has(next))
                continue;
            reached.add(next);
            added.push(next);
            for (const each of this.#manifests.get(next)?.refers ?? [])
                queue.push(each);
        }
        return added;
    }
    /** What a list names, such as an image for each platform; nothing if it is none. */
    listed(manifest) {
        const { list, refers = [] } = this.#manifests.get(manifest) ?? {};
        return list ? refers : [];
    }
    /** Manifests that a repository\u2019s lists name or that belong to another manifest. They stay or go with that. */
    partsOf({ revisions }) {
        const parts = new Set();
        for (const { manifest } of revisions) {
            for (const each of this.listed(manifest))
                parts.add(each);
            if (this.subject(manifest) !== undefined)
                parts.add(manifest);
        }
        return parts;
    }
}

;// CONCATENATED MODULE: ./build/retention/pattern.js
/** Whether a pattern of `keep` matches a repository, by the same rules as in `access`. */
function matches(pattern, repository) {
    const parts = pattern
        .split(/(\*+)/)
        .map(each => (each === '**' ? '.*' : each === '*' ? '[^/]*' : each.replace(/[.+]/g, '\\$&')));
    return new RegExp(`^${parts.join('')}$`).test(repository);
}
/** Whether a pattern of `tags` matches a tag. Whoever pushes chooses the tags, so this must not be slow for any tag. */
function matchesTag(pattern, tag) {
    const [first = '', ...others] = pattern.split(/\*+/);
    const last = others.pop();
    if (last === undefined)
        return tag === pattern;
    if (!tag.startsWith(first))
        return false;
    let at = first.length;
    for (const each of others) {
        const found = tag.indexOf(each, at);
        if (found < 0)
            return false;
        at = found + each.length;
    }
    return tag.length - last.length >= at && tag.endsWith(last);
}

;// CONCATENATED MODULE: ./build/retention/reason.js


const day = 24 * 60 * 60;
/** The line of a rule that keeps a tag; `undefined` if none does. */
function reasonToKeep({ name, newer, age, idle }, { tags, last, days, pulled }) {
    const pattern = tags.find(each => matchesTag(each, name));
    if (pattern !== undefined)
        return `tags: ${pattern}`;
    if (last !== undefined && newer < last)
        return `last: ${last} (number ${newer + 1})`;
    if (days !== undefined && age < days * day)
        return `days: ${days} (pushed ${ago(age)})`;
    if (pulled !== undefined && idle < pulled * day)
        return `pulled: ${pulled} (${lastPull(age, idle)})`;
    return undefined;
}
/** Why no line of a rule keeps a tag. */
function reasonToGo({ newer, age, idle }, { tags, last, days, pulled }) {
    const reasons = [
        last !== undefined && `${newer} newer (last: ${last})`,
        days !== undefined && `pushed ${ago(age)} (days: ${days})`,
        pulled !== undefined && `${lastPull(age, idle)} (pulled: ${pulled})`,
        tags.length > 0 && 'not in `tags`',
    ];
    return reasons.filter(Boolean).join(', ') || 'no line keeps anything';
}
function lastPull(age, idle) {
    return idle < age ? `pulled ${ago(idle)}` : `not pulled since its push ${ago(age)}`;
}
/** Seconds, as a person would say them. */
function ago(seconds) {
    const hours = seconds / 3600;
    if (hours < 1)
        return 'less than an hour ago';
    if (hours < 48)
        return `${(0,format/* count */.U9)(Math.floor(hours), 'hour')} ago`;
    return `${(0,format/* count */.U9)(Math.floor(hours / 24), 'day')} ago`;
}

;// CONCATENATED MODULE: ./build/retention/retention.js





const retention_day = 24 * 60 * 60;
/** Seconds that a time may be in the future, because clocks differ. */
const maxAhead = 15 * 60;
/**
 * `grace` is in seconds: images that were pushed within that time may still be pulled by their digest, or wait for the list that
 * names them. Throws if nothing would stay in a repository whose rule does not allow that, and names all such repositories.
 */
function planRetention(keep, inventory, grace) {
    const failures = pullFailures(keep, inventory);
    if (failures)
        throw failures;
    const graph = new Graph(inventory, grace);
    const drafts = inventory.repositories.map(repository => draft(repository, keep, inventory, graph));
    // What a list needs stays in every repository that has the list.
    const stays = graph.closure(drafts.flatMap(({ kept }) => [...kept]));
    attach(drafts, graph, stays);
    const needed = graph.closure([...stays]);
    const plans = drafts.map(each => verdicts(each, graph, needed));
    const failure = (0,build_failure/* joined */.oR)(drafts.flatMap((each, index) => emptied(each, plans[index], graph, needed)));
    if (failure)
        throw failure;
    const manifests = drafts.flatMap(({ repository, rule, kept }) => rule === undefined
        ? []
        : repository.revisions
            .filter(({ manifest }) => !needed.has(manifest) && !kept.has(manifest))
            .map(({ manifest, pushed }) => ({
            repository: repository.name,
            digest: graph.digest(manifest),
            pushed,
        })));
    const unneeded = inventory.blobs.filter(({ bytes, large }, number) => bytes > 0 && !large && !needed.has(number));
    const { disk, aside, time } = inventory;
    return {
        ruled: keep.length > 0,
        repositories: plans,
        manifests,
        unneeded: bytes(unneeded),
        freed: bytes(unneeded.filter(({ fresh }) => !fresh)),
        ...{ disk, aside, time },
    };
}
function draft(repository, keep, inventory, graph) {
    const rule = keep.find(({ pattern }) => matches(pattern, repository.name));
    const reasons = new Map();
    const kept = new Set();
    if (rule === undefined) {
        for (const tag of repository.tags)
            reasons.set(tag, 'no rule fits this repository');
        for (const { manifest } of [...repository.tags, ...repository.revisions])
            kept.add(manifest);
        return { repository, rule, reasons, kept, candidates: new Map() };
    }
    const stay = (tag, reason) => {
        reasons.set(tag, reason);
        kept.add(tag.manifest);
    };
    const people = [];
    for (const tag of repository.tags) {
        const pattern = rule.tags.find(each => matchesTag(each, tag.name));
        if (isPersons(tag, graph))
            people.push(tag);
        else if (pattern !== undefined)
            stay(tag, `tags: ${pattern}`);
    }
    const lastUse = usesOf(repository, inventory, graph);
    const candidates = new Map();
    // A tag that was pushed while the clock was ahead would count as newer than all later ones until that time comes.
    const isAhead = ({ pushed }) => pushed > inventory.time + maxAhead;
    for (const tag of people.filter(isAhead))
        stay(tag, 'pushed when the server\u2019s clock was ahead');
    const dated = people.filter(tag => !isAhead(tag)).sort((a, b) => b.pushed - a.pushed);
    dated.forEach((tag, newer) => {
        const candidate = {
            ...{ name: tag.name, newer, age: inventory.time - tag.pushed },
            idle: inventory.time - lastUse(tag, tag.name),
        };
        candidates.set(tag, candidate);
        const reason = reasonToKeep(candidate, rule);
        if (reason !== undefined)
            stay(tag, reason);
    });
    // Images without a tag: pushed by digest, or left behind when a tag moved.
    const below = graph.partsOf(repository);
    const tagged = new Set(repository.tags.map(({ manifest }) => manifest));
    for (const revision of repository.revisions) {
        const { manifest, pushed, asked, left } = revision;
        const since = Math.max(pushed, left);
        if (graph.isFresh(since) || graph.isAsked(asked))
            kept.add(manifest);
        if (tagged.has(manifest) || below.has(manifest))
            continue;
        const age = inventory.time - since;
        const isUsed = rule.pulled !== undefined && inventory.time - lastUse(revision, '') < rule.pulled * retention_day;
        if (age < (rule.untagged ?? 0) * retention_day || isUsed)
            kept.add(manifest);
    }
    return { repository, rule, reasons, kept, candidates };
}
/**
 * Tells when a tag of a repository or, with an empty name, an image without one was last pulled, as a whole or one of its platforms;
 * if it never was, when it was pushed.
 */
function usesOf({ name, revisions }, { pulls, pullsSince }, graph) {
    // A file that was written and never read has the time of that, which is no pull; nor is it one if the disk does not record reads.
    const onDisk = new Map(revisions.flatMap(({ manifest, pushed, asked }) => pullsSince === 0 && asked > pushed ? [[manifest, asked]] : []));
    const logged = (reference) => pulls.get(`${name} ${reference}`) ?? 0;
    return ({ manifest, pushed, asked }, tag) => [manifest, ...graph.listed(manifest)].reduce((last, each) => Math.max(last, logged(graph.digest(each)), onDisk.get(each) ?? 0), Math.max(pushed, logged(tag), pullsSince === 0 ? asked : 0));
}
/**
 * Keeps signatures, attestations and the like if what they belong to stays. A signature may be of an attestation, and so on without
 * end, and each in another repository.
 */
function attach(drafts, graph, stays) {
    /** What is to be done once a manifest stays. */
    const waiting = new Map();
    const queue = [...stays];
    const keep = ({ kept }, manifest) => {
        kept.add(manifest);
        for (const each of graph.extend(stays, [manifest]))
            queue.push(each);
    };
    const settle = () => {
        for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
            for (const each of waiting.get(next) ?? [])
                each();
            waiting.delete(next);
        }
    };
    const wait = (owner, work) => {
        if (owner === undefined)
            return;
        const others = waiting.get(owner);
        if (others)
            others.push(work);
        else
            waiting.set(owner, [work]);
    };
    const fresh = [];
    for (const draft of drafts) {
        const { repository, rule, reasons, kept } = draft;
        if (rule === undefined)
            continue;
        for (const tag of repository.tags) {
            const owner = ownerOf(tag, graph);
            if (owner === undefined || reasons.has(tag))
                continue;
            const stay = (reason) => {
                if (reasons.has(tag))
                    return;
                reasons.set(tag, reason);
                keep(draft, tag.manifest);
            };
            wait(graph.number(owner), () => stay(`belongs to ${owner.slice(0, 19)}`));
            if (graph.isFresh(tag.pushed))
                fresh.push(() => stay('pushed just now'));
        }
        for (const { manifest } of repository.revisions)
            wait(graph.subject(manifest), () => {
                if (!kept.has(manifest))
                    keep(draft, manifest);
            });
    }
    settle();
    for (const each of fresh) {
        each();
        settle();
    }
}
function verdicts({ repository, rule, reasons, kept, candidates }, graph, needed) {
    const order = [...repository.tags].sort((a, b) => b.pushed - a.pushed);
    const verdict = (tag, reason) => ({
        tag: tag.name,
        digest: graph.digest(tag.manifest),
        pushed: tag.pushed,
        bytes: bytes([...graph.closure([tag.manifest])].map(graph.blob)),
        reason,
    });
    const tagged = new Set(repository.tags.map(({ manifest }) => manifest));
    const parts = graph.partsOf(repository);
    const gone = repository.revisions.filter(({ manifest }) => ![needed, kept, tagged, parts].some(each => each.has(manifest)));
    return {
        name: repository.name,
        rule,
        stays: order.flatMap(tag => (reasons.has(tag) ? [verdict(tag, reasons.get(tag) ?? '')] : [])),
        goes: order.flatMap(tag => {
            if (reasons.has(tag) || rule === undefined)
                return [];
            const candidate = candidates.get(tag);
            return [verdict(tag, candidate ? reasonToGo(candidate, rule) : 'its image goes or is gone')];
        }),
        untagged: rule === undefined ? 0 : gone.length,
    };
}
function emptied({ repository, rule, kept }, plan, graph, needed) {
    if (rule === undefined || plan === undefined || rule.empty)
        return [];
    const people = new Set(repository.tags.filter(tag => isPersons(tag, graph)).map(({ name }) => name));
    if (plan.stays.some(({ tag }) => people.has(tag)))
        return [];
    const goes = plan.goes.filter(({ tag }) => people.has(tag)).length;
    const tagged = new Set(repository.tags.map(({ manifest }) => manifest));
    const parts = graph.partsOf(repository);
    const bare = repository.revisions.filter(({ manifest }) => !tagged.has(manifest) && !parts.has(manifest));
    // Another repository may need an image that is only here without a tag.
    const stays = bare.some(({ manifest }) => kept.has(manifest) || needed.has(manifest));
    if (goes === 0 && (bare.length === 0 || stays))
        return [];
    const has = goes > 0 ? (0,format/* count */.U9)(goes, 'tag') : `${(0,format/* count */.U9)(bare.length, 'image')} without a tag`;
    return [
        new build_failure/* Failure */.HR('keep', `keep: ${JSON.stringify(rule.pattern)} would leave nothing in ${repository.name}, which has ${has}; fix the rule, or add \`empty: true\` to it if this is meant`),
    ];
}
/** Fails if a rule\u2019s `pulled` goes back further than pulls are known. */
function pullFailures(keep, { time, pullsSince, disk }) {
    if (pullsSince === 0)
        return undefined;
    const known = Math.floor((time - pullsSince) / retention_day);
    return (0,build_failure/* joined */.oR)(keep
        .filter(({ pulled }) => pulled !== undefined && pulled > known)
        .map(({ pattern, pulled }) => new build_failure/* Failure */.HR('keep', `keep: ${JSON.stringify(pattern)}.pulled is ${pulled}, and pulls are known for ${(0,format/* count */.U9)(known, 'day')} only: ${disk.bytes === 0 ? 'a bucket does not record them' : 'the server\u2019s disk is mounted with noatime'}, and nginx\u2019s logs go back no further; ${disk.bytes === 0 ? '' : 'mount it with relatime, '}keep more logs (\`rotate\` in /etc/logrotate.d/nginx), or ask for fewer days`)));
}
/** Whether a person gave this tag to an image, not to what signs or describes one. */
function isPersons(tag, graph) {
    return ownerOf(tag, graph) === undefined;
}
/** The digest of the image that a signature, an attestation or the like belongs to, by its subject or by its tag; `undefined` if it is none. */
function ownerOf({ name, manifest }, graph) {
    const subject = graph.subject(manifest);
    if (subject !== undefined)
        return graph.digest(subject);
    const isReferrers = name.includes('.') || graph.isList(manifest);
    return isReferrers ? ownerDigest(name) : undefined;
}
/** The image that a tag such as `sha256-HEX.sig` belongs to: signatures, attestations, SBOMs and lists of referrers. */
function ownerDigest(tag) {
    const [, hex] = /^sha256-([0-9a-f]{64})(?:\.[a-z]+)?$/.exec(tag) ?? [];
    return hex === undefined ? undefined : `sha256:${hex}`;
}
function bytes(blobs) {
    return blobs.reduce((sum, each) => sum + Math.max(0, each.bytes), 0);
}

// EXTERNAL MODULE: ./build/desired.js
var build_desired = __webpack_require__(350);
// EXTERNAL MODULE: ./node_modules/yaml/dist/index.js
var dist = __webpack_require__(8815);
// EXTERNAL MODULE: ./build/json.js
var json = __webpack_require__(9368);
;// CONCATENATED MODULE: ./build/resources/resource.js
function resource(definition) {
    return {
        ...definition,
        look(desired, facts) {
            const seen = definition.read(facts, desired);
            return {
                claims: definition.claims?.(desired, seen) ?? [],
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

;// CONCATENATED MODULE: ./build/resources/registry/config.js



/** How long a registry that is being replaced may take to finish its requests: as long as nginx waits for it. */
const drainTimeout = '15m';
function configYaml(desired) {
    // The registry reads YAML 1.1, where `yes` is true and `1:30` is ninety unless they are quoted.
    return (0,dist/* stringify */.As)(configOf(desired), { lineWidth: 0, compat: 'yaml-1.1' });
}
/** The content of config.yml: what Berth needs, with the user's `registry-config` merged over it. */
function configOf({ registry, shared }) {
    const base = {
        version: 0.1,
        log: { level: 'info', accesslog: { disabled: true } },
        storage: {
            ...(registry.bucket
                ? { s3: s3(registry.bucket), redirect: { disable: !registry.bucket.redirect } }
                : { filesystem: { rootdirectory: '/var/lib/registry' } }),
            delete: { enabled: true },
        },
        http: {
            net: 'unix',
            // Each generation has its own socket, which its environment sets.
            addr: '/run/berth/registry.sock',
            // Uploads continue at a path, not at a URL, which a proxy could get wrong.
            relativeurls: true,
            draintimeout: drainTimeout,
            // With several servers, an upload may continue at any of them. A single server has its own secret, see secret.env.
            ...(shared && { secret: shared.secret }),
        },
        // Registry 3 would look for everything in an index among images, and never find the layers of a BuildKit cache there.
        validation: { manifests: { indexes: { platforms: 'none' } } },
        health: { storagedriver: { enabled: true, interval: '10s', threshold: 3 } },
    };
    return merge(base, registry.config);
}
/** Registry 2 and 3 have the same names for these, and ignore unknown ones. */
function s3({ name, folder, region, endpoint, accessKey, secretKey }) {
    return {
        ...{ region, bucket: name, accesskey: accessKey, secretkey: secretKey },
        // Only AWS has a DNS name for each bucket, but registry 3 expects one everywhere.
        ...(endpoint && { regionendpoint: endpoint, forcepathstyle: true }),
        ...(folder && { rootdirectory: folder }),
        chunksize,
    };
}
/** Bytes: the least that S3 accepts. Each upload has several chunks in memory, and larger ones are no faster. */
const chunksize = 5 * 1024 * 1024;
/** The kind of the cache of layers\u2019 descriptions, which outlives deleted layers; `undefined` unless `registry-config` has one. */
function cacheOf(desired) {
    return cacheIn(configOf(desired));
}
/** The same of the content of a config.yml. */
function cacheIn({ storage }) {
    const cache = (0,json/* isObject */.Gv)(storage) && (0,json/* isObject */.Gv)(storage.cache) ? storage.cache : {};
    const kind = cache.blobdescriptor ?? cache.layerinfo;
    return typeof kind === 'string' ? kind : undefined;
}
/** The folder in the container where the registry keeps images; `undefined` if they are not on disk. */
function rootOf(desired) {
    const { storage } = configOf(desired);
    const disk = (0,json/* isObject */.Gv)(storage) && (0,json/* isObject */.Gv)(storage.filesystem) ? storage.filesystem : {};
    return typeof disk.rootdirectory === 'string' ? disk.rootdirectory : undefined;
}
/** Whether the configuration has what signs uploads in progress; otherwise it is in secret.env. */
function hasSecret(desired) {
    const { http } = configOf(desired);
    return (0,json/* isObject */.Gv)(http) && http.secret !== undefined;
}
/** Parts of a configuration that make the registry connect to others. */
const partsThatConnect = ['middleware', 'notifications', 'proxy', 'redis', 'reporting'];
/** Whether the registry connects to anybody. */
function needsNetwork(desired) {
    const whole = configOf(desired);
    const has = (part, ...keys) => (0,json/* isObject */.Gv)(part) && keys.some(key => part[key] !== undefined);
    return (!(0,build_desired/* onDisk */.FC)(desired) ||
        (0,build_desired/* ownAuth */.Lz)(desired) ||
        has(whole, ...partsThatConnect) ||
        has(whole.log, 'hooks') ||
        has(whole.health, 'http', 'tcp') ||
        // Others connect to it.
        has(whole.http, 'debug'));
}
/** Maps are merged, key by key; anything else is replaced; `null` removes a key. */
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

;// CONCATENATED MODULE: ./build/resources/registry/bucket.js





/** The bucket of a wanted registry; `undefined` if it has none over S3, or one whose key is not in the configuration. */
function bucketOf(desired) {
    return bucketIn(configOf(desired));
}
/** The bucket that a config.yml names, with the key for it. */
function bucketIn(config) {
    const access = accessIn(config);
    return access.bucket === '' || access.accessKey === '' || access.secretKey === '' ? undefined : access;
}
/** What a config.yml says of a bucket; all is empty if it says nothing. */
function accessIn({ storage }) {
    const s3 = (0,json/* isObject */.Gv)(storage) && (0,json/* isObject */.Gv)(storage.s3) ? storage.s3 : {};
    const text = (key) => (s3[key] === undefined || s3[key] === null ? '' : String(s3[key]));
    const endpoint = text('regionendpoint');
    const scheme = /^https?:/.test(endpoint) ? '' : `${text('secure') === 'false' ? 'http' : 'https'}://`;
    const folder = text('rootdirectory').replace(/^\/+|\/+$/g, '');
    return {
        bucket: text('bucket'),
        folder: folder === '' ? '' : `${folder}/`,
        region: text('region'),
        endpoint: endpoint === '' ? undefined : scheme + endpoint,
        accessKey: text('accesskey'),
        secretKey: text('secretkey'),
        pathStyle: endpoint !== '' || text('forcepathstyle') === 'true',
        skipVerify: text('skipverify') === 'true',
        encrypt: text('encrypt') === 'true',
        keyId: text('keyid') || undefined,
        // The registry knows them in any case. With NONE it names none.
        storageClass: text('storageclass')
            .toUpperCase()
            .replace(/^NONE$/, '') || undefined,
    };
}
/**
 * A trial of the bucket before anything is changed. None if the present registry reaches it in the same way, because that was tried
 * already; but if it does not answer, the trial says why.
 */
function bucketTrial(desired, seen) {
    const wanted = bucketOf(desired);
    const before = wanted && configIn(seen.config);
    const same = before !== undefined && JSON.stringify(bucketIn(before)) === JSON.stringify(wanted);
    if (wanted === undefined || (same && !seen.silent))
        return [];
    const { bucket, endpoint = 'AWS' } = wanted;
    const place = `the bucket ${bucket} at ${endpoint}`;
    return [
        {
            resource: 'registry',
            changes: change(seen.generation !== '', same
                ? `try ${place}, which does not answer the registry`
                : `keep images in ${place}, after a round trip there`),
            call: ['bucket_check', (0,shell/* library */.Yv)('bucket/s3.py') + (0,shell/* library */.Yv)('bucket/check.py'), JSON.stringify(wanted)],
            // Before anything else is changed. Python comes with certbot.
            after: 'packages',
        },
    ];
}
/** Whether a step is such a trial. */
function isTrial({ call: [name] }) {
    return name === 'bucket_check';
}
/** Whether the registry that `config` sets up has its images in another place. A new key for the same place moves nothing. */
function movesImages(desired, config) {
    const before = configIn(config);
    return before !== undefined && whereIn(before) !== whereIn(configOf(desired));
}
/** Where the registry with such a config.yml keeps its images, in words. The same words are the same place. */
function whereIn(config) {
    const storage = (0,json/* isObject */.Gv)(config.storage) ? config.storage : {};
    if ((0,json/* isObject */.Gv)(storage.s3)) {
        const { bucket, folder, endpoint = 'AWS' } = accessIn(config);
        return `in the bucket ${bucket} at ${endpoint}${folder === '' ? '' : `, in ${folder}`}`;
    }
    const { filesystem } = storage;
    if ((0,json/* isObject */.Gv)(filesystem)) {
        const { rootdirectory = '/var/lib/registry' } = filesystem;
        return `on the server\u2019s disk${rootdirectory === '/var/lib/registry' ? '' : `, in ${rootdirectory}`}`;
    }
    const [driver = 'no storage'] = Object.keys(storage).filter(key => !besides.includes(key));
    const settings = (0,json/* isObject */.Gv)(storage[driver]) ? storage[driver] : {};
    const named = places.flatMap(key => (settings[key] === undefined ? [] : [`${key} ${settings[key]}`]));
    return `in ${[driver, ...named].join(', ')}`;
}
/** What a configuration has below `storage` besides the driver. */
const besides = ['cache', 'delete', 'maintenance', 'redirect', 'tag'];
/** The settings of the other drivers that say where images are. */
const places = [
    'accountname',
    'authurl',
    'bucket',
    'container',
    'endpoint',
    'realm',
    'region',
    'rootdirectory',
];
/** The content of a config.yml; `undefined` if there is none, or if somebody has made it something else than YAML. */
function configIn(file) {
    try {
        const config = file && (0,dist/* parse */.qg)(file.content);
        return (0,json/* isObject */.Gv)(config) ? config : undefined;
    }
    catch {
        // The message would show the lines around the mistake, and with them the key.
        return undefined;
    }
}

;// CONCATENATED MODULE: ./build/retention/storage.js





/**
 * The disk or the bucket of a registry. `grace` is in seconds. Throws if images are where Berth can\u2019t delete any, or if the
 * registry would go on to claim those that are gone.
 */
function storageOf(desired, grace) {
    const bucket = bucketOf(desired);
    refuse(desired, bucket);
    return bucket === undefined ? disk(desired, grace) : bucketStorage(desired, bucket, grace);
}
function refuse(desired, bucket) {
    if (!(0,build_desired/* onDisk */.FC)(desired) && bucket === undefined)
        throw new build_failure/* Failure */.HR('keep', '`keep` and mode `clean` are for images on the server\u2019s disk or in a bucket that its configuration has the key for (`s3-bucket`), but `registry-config` keeps them elsewhere; delete them with the tools of that storage');
    if ((0,build_desired/* onDisk */.FC)(desired) && rootOf(desired) !== '/var/lib/registry')
        throw new build_failure/* Failure */.HR('keep', '`registry-config` moves the registry\u2019s `rootdirectory` to where `clean` does not look; omit it, and set `directory` instead');
    const cache = cacheOf(desired);
    if (cache !== undefined && (cache !== 'inmemory' || !(0,build_desired/* onDisk */.FC)(desired)))
        throw new build_failure/* Failure */.HR('keep', `\`registry-config\` has a cache in ${cache}, which would go on to claim layers that are gone; omit \`storage.cache\``);
}
/**
 * Throws if the registry that serves, with this config.yml, keeps its images elsewhere than `desired` says, or has a cache of which
 * `desired` says nothing. What is cleaned would be a copy that nobody uses any more, or the registry would go on to claim what is gone.
 */
function compareServed(desired, content) {
    const served = configIn({ content });
    const remedy = 'give `clean`, and `plan` with `keep`, the same `s3-*` inputs and `registry-config` as `up`, or run `up` first';
    if (served === undefined)
        throw new build_failure/* Failure */.HR('keep', 'somebody has made the config.yml of the registry on the server something else than YAML, so it can\u2019t be told where it keeps its images; run mode `up`, which writes it anew');
    const [seen, wanted] = [whereIn(served), whereIn(configOf(desired))];
    if (seen !== wanted)
        throw new build_failure/* Failure */.HR('keep', `the registry on the server has its images ${seen}, and the inputs of this run say ${wanted}; ${remedy}`);
    const cache = cacheIn(served);
    if (cache !== undefined && cache !== cacheOf(desired))
        throw new build_failure/* Failure */.HR('keep', `the registry on the server has a cache in ${cache}, of which the inputs of this run say nothing, and would go on to claim layers that are gone; ${remedy}`);
}
function disk(desired, grace) {
    const { directory, domain } = desired;
    const program = (0,shell/* library */.Yv)('retention/store.pl');
    return {
        look: pulls => ['retention_look', directory, domain, `${grace}`, program, ...pulls],
        run: (command, orders) => 
        // The disk itself tells what was asked for, until the very end.
        command === 'settle'
            ? []
            : [
                ['retention_run', command, directory, `${grace}`, program, orders],
                // A cache knows nothing of what was deleted.
                ...(cacheOf(desired) === undefined
                    ? []
                    : [
                        ['retention_restart', directory, domain],
                        ['retention_settle', directory, `${grace}`, program],
                    ]),
            ],
    };
}
/** The settings have the bucket\u2019s key, so only a shell function may get them: nobody else sees its arguments. */
function bucketStorage({ directory, domain }, bucket, grace) {
    const program = (0,shell/* library */.Yv)('bucket/s3.py') + (0,shell/* library */.Yv)('retention/bucket.py');
    const settings = (command) => JSON.stringify({ ...bucket, grace, command });
    return {
        look: pulls => ['retention_look_bucket', directory, domain, settings('look'), program, ...pulls],
        run: (command, orders) => [['retention_run_bucket', domain, settings(command), program, orders]],
    };
}

;// CONCATENATED MODULE: ./build/retention/collector.js










/**
 * What `clean` would do, for mode `plan`; `undefined` if there is no registry yet. `logs` are those of other servers. `changes` is
 * whether `up` would change the registry.
 */
async function foreseeRetention(server, cleaned, logs, changes) {
    const inventory = await takeInventory(server, cleaned, logs, changes);
    return inventory && planRetention(cleaned.keep ?? [], inventory, cleaned.grace);
}
/** Seconds by which the server\u2019s clock may be wrong. Rules are about days. */
const maxDrift = 15 * 60;
/**
 * Which images there are; `undefined` if there is no such registry. Changes nothing. Throws if the registry is another one than
 * wanted, unless it `changes` before anything is deleted.
 */
async function takeInventory(server, { desired, keep, grace }, logs, changes = false) {
    const said = await server.run((0,shell/* compose */.Zz)(['server/protocol', 'server/facts', 'resources/registry/registry', 'retention/retention'], [...otherLogs(logs), (0,shell/* line */.n8)(storageOf(desired, grace).look(pullsProgram(keep)))]));
    if ((0,protocol/* lastMarker */.zK)(said, 'retention.domain') !== desired.domain)
        return undefined;
    const config = (0,protocol/* lastMarker */.zK)(said, 'retention.config') ?? '';
    if (config !== '' && !changes)
        compareServed(desired, Buffer.from(config, 'base64').toString());
    const inventory = parseInventory([...logs.pulls, unpack((0,protocol/* lastMarker */.zK)(said, 'retention.store'))].join('\n'));
    const drift = Math.abs(Date.now() / 1000 - inventory.time);
    if (drift > maxDrift)
        throw new build_failure/* Failure */.HR('clock', `the server\u2019s clock and the runner\u2019s are ${Math.round(drift / 60)} minutes apart, and rules about days would delete the wrong images; set the clock (\`timedatectl set-ntp true\`) and run again`);
    return inventory;
}
/**
 * Puts back what clients have asked for while a bucket was collected. That run knew only what the logs said when it began; `logs` are
 * those of the other servers by now.
 */
async function settle(server, cleaned, logs) {
    if (storageOf(cleaned.desired, cleaned.grace).run('settle', '').length === 0)
        return;
    await collect(server, cleaned, 'settle', '', logs);
}
/** Sets aside what `orders` names, and garbage; or puts back what the last run set aside. */
async function collect(server, { desired, grace }, command, orders, logs) {
    const said = await server.run((0,shell/* compose */.Zz)([
        'server/apply',
        'server/protocol',
        'server/facts',
        'resources/registry/registry',
        'resources/site/site',
        'retention/retention',
    ], [
        `lock ${failure/* lockSeconds */.H_}`,
        ...otherLogs(logs),
        ...storageOf(desired, grace).run(command, orders).map(shell/* line */.n8),
        `echo ${(0,protocol/* marker */.xL)('end')}`,
    ]));
    if ((0,protocol/* lastMarker */.zK)(said, 'busy') !== undefined)
        throw (0,failure/* busyFailure */.Gj)(failure/* lockSeconds */.H_);
    const collected = parseCollected(unpack((0,protocol/* lastMarker */.zK)(said, 'retention.result')));
    if ((0,protocol/* lastMarker */.zK)(said, 'retention.restart') !== undefined) {
        const words = said.split('\n').filter(each => each !== '' && !(0,protocol/* isMarker */.rg)(each));
        throw new build_failure/* Failure */.HR('registryStart', `images were set aside, but the registry, which has a cache, could not be started anew, so it goes on to claim layers that are gone; fix what it says, and run mode \`clean\` again\n${words.slice(-5).join('\n')}`);
    }
    return collected;
}

// EXTERNAL MODULE: external "node:net"
var external_node_net_ = __webpack_require__(7030);
// EXTERNAL MODULE: external "node:crypto"
var external_node_crypto_ = __webpack_require__(7598);
// EXTERNAL MODULE: external "node:dns/promises"
var external_node_dns_promises_ = __webpack_require__(1553);
// EXTERNAL MODULE: external "node:http"
var external_node_http_ = __webpack_require__(7067);
var external_node_http_namespaceObject = /*#__PURE__*/__webpack_require__.t(external_node_http_, 2);
// EXTERNAL MODULE: external "node:https"
var external_node_https_ = __webpack_require__(4708);
var external_node_https_namespaceObject = /*#__PURE__*/__webpack_require__.t(external_node_https_, 2);
// EXTERNAL MODULE: external "node:tls"
var external_node_tls_ = __webpack_require__(1692);
;// CONCATENATED MODULE: ./build/registry/retry.js


/** A failure that may be gone in a moment: a restart, a lost connection, too many requests. */
class Transient extends build_failure/* Failure */.HR {
}
/** Seconds before each new try. Each is randomly cut by up to half, so that many clients don\u2019t come back at once. */
const delays = [1, 2, 4, 8, 16];
/** Milliseconds after which nothing is tried again. Docker\u2019s engine has already tried for a minute when it gives up. */
const givesUpAfter = 120_000;
/** Tries again if `work` fails with a `Transient`. Calls `retrying` with the reason before each new try. */
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

;// CONCATENATED MODULE: ./build/registry/failure.js


/** Errors of a machine that may reach others only through a proxy. */
const noWay = ['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'];
/** Why the registry can\u2019t be asked over HTTPS, and what to do. `env` is the runner\u2019s environment. */
function connectionFailure(domain, { code, message, cert }, env = {}) {
    const [topic, sentence] = explain(domain, code, message, cert);
    if (!noWay.includes(code ?? '') || !isProxied(domain, env))
        return new build_failure/* Failure */.HR(topic, sentence);
    return new build_failure/* Failure */.HR('proxy', `${sentence} This runner has a proxy (HTTPS_PROXY), and Berth does not go through it: let the runner reach ${domain} directly, or use one that can`);
}
/** Whether a program that obeys the environment would use a proxy. */
function isProxied(domain, env) {
    if (!(env.HTTPS_PROXY || env.https_proxy))
        return false;
    const names = (env.NO_PROXY ?? env.no_proxy ?? '').split(',').map(each => each.trim().replace(/^\*?\./, ''));
    return !names.some(each => each !== '' && (each === '*' || `.${domain}`.endsWith(`.${each}`)));
}
/** The meaning of a status that only a proxy such as Cloudflare\u2019s sends; `undefined` for any other. */
function proxyFailure(domain, status) {
    const start = `the proxy in front of ${domain}`;
    switch (status) {
        case 521:
        case 522:
        case 523:
            return new Transient('proxy', `${start} does not reach the server (${status}); does the server\u2019s firewall let the proxy in on port 443?`);
        case 524:
            return new Transient('proxy', `${start} waited too long for the server (524); push with \`push-through: ssh\`, or point the name straight at the server`);
        case 525:
        case 526:
            return new build_failure/* Failure */.HR('proxy', `${start} does not accept the server\u2019s certificate (${status}); is it one that the proxy trusts, and not expired?`);
        default:
            return undefined;
    }
}
function explain(name, code, message, cert) {
    switch (code) {
        case 'ENOTFOUND':
        case 'EAI_AGAIN':
            return ['dns', `the name ${name} does not resolve; add its DNS record`];
        case 'ECONNREFUSED':
            return ['endpoint', `nothing listens on port 443 at ${name}; does the name point to this server?`];
        case 'ETIMEDOUT':
        case 'EHOSTUNREACH':
        case 'ENETUNREACH':
            return ['endpoint', `${name} does not answer on port 443; does the server\u2019s firewall let HTTPS in?`];
        case 'EMSGSIZE':
            return [
                'endpoint',
                `${name} sends an answer that never ends; does the name point to this server, and is it a registry that answers there?`,
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
                `the certificate that ${name} shows is not valid yet; are the clocks of the server and the runner right?`,
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
                : ['endpoint', `${name} can\u2019t be reached over HTTPS: ${message}; try \`curl -v https://${name}/v2/\``];
    }
}
/** The names in a certificate, given as `DNS:a.example, DNS:b.example`, for a message. */
function alternatives(names) {
    const all = names.replaceAll('DNS:', '').split(', ');
    return all.length > 3 ? `${all.slice(0, 3).join(', ')}, \u2026` : all.join(', ');
}

;// CONCATENATED MODULE: ./build/registry/transport.js






/** Milliseconds of silence after which a request fails. */
const timeout = 30_000;
/** Milliseconds for a whole answer, because one that trickles could go on for ever. */
const usualMaxTime = 300_000;
/** Bytes of an answer that are read at most. A registry accepts manifests of up to 4 MiB. */
const maxAnswer = 16 << 20;
/** Requests to the registry and its answers, by HTTPS from this machine, and the certificate that comes with them. */
class Transport {
    domain;
    address;
    port;
    ca;
    #agent;
    #socket;
    #maxTime;
    /** The certificate that each new connection showed. Node no longer tells when a connection is used again or was closed. */
    #shown = new WeakMap();
    /** Whether the registry was found to be well. From then on, a connection that fails is likely to come back. */
    verified = false;
    /**
     * `ca` is a PEM bundle that is trusted besides the public authorities. `address` is the one to ask, where it matters
     * which of the name\u2019s addresses answers. `socket` is a Unix socket of the registry itself, which is asked without HTTPS.
     * `maxTime` is how many milliseconds an answer may take.
     */
    constructor(domain, ca, { address = domain, port = 443, socket, maxTime = usualMaxTime, } = {}) {
        this.#maxTime = maxTime;
        this.domain = domain;
        this.address = address;
        this.port = port;
        this.ca = ca;
        this.#socket = socket;
        const agent = { keepAlive: true, maxSockets: 4 };
        this.#agent =
            socket === undefined
                ? // A resumed session shows no certificate.
                    new external_node_https_.Agent({ ...agent, maxCachedSessions: 0, ...(ca && { secureContext: trusting(ca) }) })
                : new external_node_http_.Agent(agent);
    }
    /** The certificate that the registry shows: valid for this name and now, and issued by an authority that this machine trusts. */
    async certificate() {
        const { certificate } = await this.ask('GET', '/v2/');
        if (certificate === undefined)
            throw this.noCertificate();
        return certificate;
    }
    close() {
        this.#agent.destroy();
    }
    /** Sends a request. Throws a sentence if there is no answer, or none with a certificate that can be trusted. */
    ask(method, path, user, headers = {}, body) {
        return new Promise((resolve, reject) => {
            const { request } = this.#socket === undefined ? external_node_https_namespaceObject : external_node_http_namespaceObject;
            const outgoing = request({
                ...(this.#socket === undefined
                    ? { host: this.address, servername: this.domain, port: this.port }
                    : { socketPath: this.#socket }),
                path,
                method,
                agent: this.#agent,
                timeout,
                headers: {
                    host: this.domain,
                    ...headers,
                    ...(body && { 'content-length': String(body.length) }),
                },
                ...(user && { auth: `${user.name}:${user.password}` }),
            });
            limit(outgoing, this.#maxTime);
            outgoing.on('error', (error) => {
                // nginx closes idle connections when it is reloaded. A request that was just sent on one was never read.
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
                if (this.#socket !== undefined)
                    return;
                socket.once('secureConnect', () => {
                    const certificate = socket.getPeerX509Certificate();
                    if (certificate)
                        this.#shown.set(socket, certificate);
                });
            });
            readAnswer(outgoing, answer => resolve({ ...answer, certificate: connection && this.#shown.get(connection) }), error => reject(this.#failure(error)));
            outgoing.end(body);
        });
    }
    /**
     * Gets what the registry redirects to: mostly an object storage, perhaps by plain HTTP. Without credentials, because those are for
     * the registry alone. Throws whatever went wrong, without the location: whoever has that may read.
     */
    follow(location) {
        return new Promise((resolve, reject) => {
            const failed = ({ code }) => reject(new build_failure/* Failure */.HR('endpoint', `what ${this.domain} redirects to can\u2019t be read (${code})`));
            const url = new URL(location, `https://${this.domain}:${this.port}`);
            const options = { agent: false, timeout };
            const outgoing = url.protocol === 'http:'
                ? external_node_http_.get(url, options)
                : external_node_https_.get(url, { ...options, ...(this.ca && { secureContext: trusting(this.ca) }) });
            limit(outgoing, this.#maxTime);
            outgoing.on('error', failed);
            readAnswer(outgoing, resolve, failed);
        });
    }
    /** What to throw for an answer that can\u2019t be used. `what` is the path that was asked for. */
    refused(answer, what) {
        const words = answer.body.replace(/\s+/g, ' ').trim().slice(0, 200);
        const message = `${this.domain}/${what} is answered with ${answer.status}${words === '' ? '' : `: ${words}`}`;
        const proxied = proxyFailure(this.domain, answer.status);
        if (proxied)
            return proxied;
        if (isPassing(answer))
            return new Transient('endpoint', message);
        const topic = answer.status === 401 ? 'registryLogin' : answer.status === 403 ? 'pushRights' : 'endpoint';
        return new build_failure/* Failure */.HR(topic, message);
    }
    #failure(error) {
        const { topic, message } = connectionFailure(this.domain, error, process.env);
        // Something that resets a connection exists, so it may answer the next one.
        const passing = this.verified || error.code === 'ECONNRESET';
        return passing ? new Transient(topic, message) : new build_failure/* Failure */.HR(topic, message);
    }
    noCertificate() {
        return new build_failure/* Failure */.HR('servedCertificate', `${this.domain} shows no certificate; does the name point to this server?`);
    }
}
/** Ends a request that gets no answer, or none within `maxTime`. */
function limit(outgoing, maxTime) {
    const late = () => outgoing.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' }));
    const deadline = setTimeout(late, maxTime);
    outgoing.on('close', () => clearTimeout(deadline));
    outgoing.on('timeout', late);
}
/** Reads an answer, unless it has too many bytes. */
function readAnswer(outgoing, resolve, failed) {
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
        incoming.on('error', failed);
        incoming.on('end', () => resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            body: Buffer.concat(chunks).toString(),
        }));
    });
}
const contexts = new Map();
/** Trusts a PEM bundle besides the public authorities. Node takes 15 ms to read those, and would again for each connection. */
function trusting(ca) {
    const context = contexts.get(ca) ?? (0,external_node_tls_.createSecureContext)({ ca: [...external_node_tls_.rootCertificates, ca] });
    contexts.set(ca, context);
    return context;
}
/** Whether a request that was answered so may succeed in a moment. */
function isPassing({ status }) {
    return status >= 500 || status === 429;
}

;// CONCATENATED MODULE: ./build/registry/endpoint.js
var _a;




/** Milliseconds within which a new password must work. */
const newPassword = 10_000;
/** The same where nginx slows down the requests of this address. */
const heldUp = 60_000;
/** Requests that must be refused without a password: one of each kind. They leave nothing behind even if they are answered. */
const locked = [
    ['GET', '/v2/'],
    ['GET', '/v2/_catalog?n=1'],
    ['GET', '/v2/berth/check/manifests/none'],
    ['GET', `/v2/berth/check/blobs/sha256:${'0'.repeat(64)}`],
    ['PUT', '/v2/berth/check/manifests/none'],
];
/** Milliseconds after which another address of the name counts as out of reach. */
const otherAddress = 2000;
/** The registry lets somebody in whom it must not. */
class Unlocked extends build_failure/* Failure */.HR {
}
/** The registry as its clients see it: whether it shows a certificate, and who is let in. */
class Endpoint extends Transport {
    /**
     * Looks at the registry as a client does. This machine must trust its certificate. Nobody may get in without a password, with a
     * wrong one or as an unknown user, and `user` must get in; or everybody, if there are no users. A registry that checks
     * passwords itself (`own`) only has to answer. Throws a sentence if anything is wrong.
     */
    async verify(user, own = false) {
        const anonymous = await this.ask('GET', '/v2/');
        if (isPassing(anonymous))
            throw this.refused(anonymous, 'v2/');
        if (own)
            this.#checkOwn(anonymous);
        else if (user === undefined)
            this.#checkOpen(anonymous);
        else {
            this.#checkChallenge(anonymous);
            await this.#checkLock(user);
        }
        if (anonymous.certificate === undefined)
            throw this.noCertificate();
        this.verified = true;
        return anonymous.certificate;
    }
    async #checkLock(user) {
        const wrong = (0,external_node_crypto_.randomBytes)(18).toString('base64url');
        const others = this.#elsewhere();
        others.catch(() => { });
        const known = await this.ask('GET', '/v2/', user);
        // Only now, because a cache may have kept the answer to the user. nginx slows down wrong passwords, so two must do.
        const [nobodys, strangers, elsewhere] = await Promise.all([
            this.#askInTurn(locked),
            this.#askInTurn([
                ['GET', '/v2/', { ...user, password: wrong }],
                ['GET', '/v2/_catalog?n=1', { name: `nobody-${wrong}`, password: wrong }],
            ]),
            others,
        ]);
        if ([...strangers, ...nobodys, ...elsewhere].some(isLetIn))
            throw this.#unlocked();
        const odd = strangers.find(({ status }) => status !== 401 && status !== 429);
        if (odd)
            throw this.refused(odd, 'v2/');
        if (known.status === 200)
            return;
        throw isPassing(known)
            ? this.refused(known, 'v2/')
            : new build_failure/* Failure */.HR('registryLogin', `${this.domain} does not let \`${user.name}\` in (${known.status}); is the password in \`users\` the one that it was set up with?`);
    }
    /** Over one connection, because to begin another takes longer than to wait for a few answers. Adds them to `answers`. */
    async #askInTurn(requests, answers = []) {
        for (const request of requests)
            answers.push(await this.ask(...request));
        return answers;
    }
    /** The answers to requests without a password at each of the name\u2019s addresses, as far as they can be reached from here. */
    async #elsewhere() {
        const addresses = await (0,external_node_dns_promises_.lookup)(this.address, { all: true });
        if (addresses.length < 2)
            return [];
        const answers = [];
        const askAll = async ({ address }) => {
            const endpoint = new _a(this.domain, this.ca, { address, port: this.port });
            const late = setTimeout(() => endpoint.close(), otherAddress);
            try {
                await endpoint.#askInTurn(locked, answers);
            }
            catch {
            }
            finally {
                clearTimeout(late);
                endpoint.close();
            }
        };
        await Promise.all(addresses.map(askAll));
        return answers;
    }
    #checkOwn({ status }) {
        if (status !== 200 && status !== 401)
            throw new build_failure/* Failure */.HR('registryLogin', `${this.domain} should ask for credentials as \`registry-config\` says, but answers ${status}; does the name point to this server?`);
    }
    #checkOpen({ status }) {
        if (status !== 200)
            throw new build_failure/* Failure */.HR('registryLogin', `${this.domain} should be open to everybody, but answers ${status}; does the name point to this server?`);
    }
    #checkChallenge({ status, headers }) {
        if (status === 200)
            throw this.#unlocked();
        if (status !== 401 || !/^Basic /i.test(String(headers['www-authenticate'] ?? '')))
            throw new build_failure/* Failure */.HR('registryLogin', `${this.domain} should ask for credentials, but answers ${status}; does the name point to this server?`);
    }
    #unlocked() {
        return new Unlocked('registryLogin', `${this.domain} lets people in without a password or with a wrong one; does the name point to this server, and does another site of its nginx answer first (see \`nginx -T\`)?`);
    }
    /** Logs in as each user; throws a sentence that names who is not let in. */
    async admit(users) {
        const [first, ...others] = users;
        // nginx keeps its old rules for a moment after a reload.
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
            // Somebody is guessing passwords from the same address, so nginx lets one request a second through.
            const limit = status === 429 ? heldUp : newPassword;
            if (performance.now() - started > limit)
                throw new build_failure/* Failure */.HR('registryLogin', `${this.domain} answers ${status} to \`${user.name}\` with the new password; does its nginx read the htpasswd file in Berth\u2019s directory?`);
            await new Promise(resolve => setTimeout(resolve, 200));
        }
    }
}
_a = Endpoint;
/** Whether the request got to the registry: it succeeded, or the registry itself says that there is no such thing. */
function isLetIn({ status, body }) {
    return status < 400 || ([400, 404].includes(status) && /"code": *"[A-Z_]+"/.test(body));
}

;// CONCATENATED MODULE: ./build/modes/servers.js





/**
 * Works on all servers at once. If one can\u2019t be reached or changed, the others go on. Throws if all of them fail. Closes the
 * connections, unless `keep` says that they are still needed.
 */
async function onServers(inputs, context, work, keep = false) {
    const ones = list(inputs, context);
    const [only] = ones;
    if (only === undefined)
        throw new build_failure/* Failure */.HR('input', 'this mode needs a server; give the `ssh-*` inputs');
    try {
        if (ones.length === 1)
            return { done: [{ one: only, result: await work(only) }], failed: [] };
        const worked = { done: [], failed: [] };
        await Promise.all(ones.map(async (one) => {
            try {
                worked.done.push({ one, result: await work(one) });
            }
            catch (error) {
                worked.failed.push({ one, failure: servers_named(one, (0,build_failure/* asFailure */.h_)(error)) });
            }
        }));
        if (context.cancelled.aborted)
            throw new build_failure/* Cancelled */.cJ();
        const failure = (0,build_failure/* joined */.oR)(worked.failed.map(({ failure }) => failure));
        if (failure && worked.done.length === 0)
            throw failure;
        const inOrder = (a, b) => ones.indexOf(a.one) - ones.indexOf(b.one);
        return { done: worked.done.sort(inOrder), failed: worked.failed.sort(inOrder) };
    }
    finally {
        if (!keep)
            await Promise.all(context.servers.map(server => server.close()));
    }
}
/** The failure, with the name of its server if there are several. */
function servers_named({ name }, failure) {
    return name === undefined ? failure : new build_failure/* Failure */.HR(failure.topic, `${name}: ${failure.message}`);
}
/** The title of the group in the log. */
function serversTitle({ targets }) {
    const names = namesOf(targets);
    return names.length > 1 ? `Servers ${names.join(', ')}` : `Server ${targets[0]?.host}`;
}
/** What to call servers. Two may share a host, on different ports. */
function namesOf(targets) {
    return targets.map(({ host, port }) => (isAlone(host, targets) ? host : `${host}:${port}`));
}
/** Whether only one of the servers is at this host. Its port 443 can lead to one of them only. */
function isAlone(host, targets) {
    return targets.filter(each => each.host === host).length === 1;
}
function list({ desired, targets }, { servers, listener, beside }) {
    const names = namesOf(targets);
    const columns = servers_short(names);
    return servers.map((server, index) => {
        const target = targets[index];
        const alone = { server, desired, listener, host: target?.host ?? '', name: undefined };
        const { shared } = desired;
        if (target === undefined || shared === undefined)
            return { ...alone, plans: planner => planner };
        const { port } = target;
        const name = names[index] ?? target.host;
        const peers = targets.filter(each => each !== target).map(({ address }) => address);
        return {
            ...alone,
            desired: { ...desired, sshPort: port, shared: { ...shared, peers } },
            listener: beside(name, columns[index] ?? name),
            name,
            plans: planner => (wanted, facts) => {
                const plan = planner(wanted, facts);
                return { ...plan, steps: plan.steps.map(step => ({ ...step, server: name })) };
            },
        };
    });
}
/** Names of servers as a column of the log, without the part of their names that all of them share. */
function servers_short(names) {
    const parts = names.map(name => ((0,external_node_net_.isIP)(name) === 0 ? name.split('.') : [name]));
    const [first = []] = parts;
    let common = 0;
    while (common + 1 < first.length &&
        parts.every(each => each.length > common + 1 && each.at(-1 - common) === first.at(-1 - common)))
        common++;
    const heads = parts.map(each => each.slice(0, each.length - common).join('.'));
    const columns = new Set(heads).size < heads.length ? [...names] : heads;
    const width = Math.max(...columns.map(({ length }) => length));
    return columns.map(name => name.padEnd(width));
}
/** Runs `work` on the first server that lets us in, where any of them will do. Closes all connections. */
async function onServer(context, work) {
    try {
        return await work(await firstReached(context));
    }
    finally {
        await Promise.all(context.servers.map(server => server.close()));
    }
}
/** The first server that lets us in. A server that is alone is not tried: the work itself will show. */
async function firstReached({ servers }) {
    const failures = [];
    for (const server of servers) {
        if (servers.length === 1)
            return server;
        try {
            await server.run(`echo ${(0,protocol/* marker */.xL)('here')}\n`);
            return server;
        }
        catch (error) {
            failures.push((0,build_failure/* asFailure */.h_)(error));
        }
    }
    throw (0,build_failure/* joined */.oR)(failures) ?? new build_failure/* Failure */.HR('input', 'this mode needs a server; give the `ssh-*` inputs');
}
/** Milliseconds after which a server\u2019s port 443 counts as out of reach. */
const reach = 3000;
/**
 * Looks at each of several servers as clients do, at its own address. Returns what is wrong, with the server\u2019s name. It is no failure
 * if this runner can\u2019t reach one of them by HTTPS; `unseen` may know something of it nevertheless.
 */
async function seenAtEach({ desired: { domain, acme }, targets }, ones, look, unseen = () => undefined) {
    const looks = ones.map(async (one) => {
        if (!isAlone(one.host, targets) || !(await answers(one.host))) {
            one.listener.said('this runner does not reach its port 443, so what it serves was not looked at');
            const failure = unseen(one);
            return failure ? [servers_named(one, failure)] : [];
        }
        const endpoint = new Endpoint(domain, acme.ca, { address: one.host });
        try {
            await look(endpoint, one);
            return [];
        }
        catch (error) {
            return [servers_named(one, (0,build_failure/* asFailure */.h_)(error))];
        }
        finally {
            endpoint.close();
        }
    });
    return (await Promise.all(looks)).flat();
}
/**
 * Begins to look at each of several servers as clients do, by host: whether it answers and lets in whom it should, as far as this
 * runner can see.
 */
function lookAtEach({ desired, targets, pushUser }) {
    const look = async (address) => {
        if (!isAlone(address, targets) || !(await answers(address)))
            return false;
        const endpoint = new Endpoint(desired.domain, desired.acme.ca, { address });
        try {
            await endpoint.verify(pushUser, (0,build_desired/* ownAuth */.Lz)(desired));
            return true;
        }
        catch {
            return false;
        }
        finally {
            endpoint.close();
        }
    };
    return new Map(targets.map(({ host }) => [host, look(host)]));
}
function answers(host) {
    return new Promise(resolve => {
        const socket = (0,external_node_net_.connect)({ host, port: 443, timeout: reach });
        const end = (reached) => {
            socket.destroy();
            resolve(reached);
        };
        socket.on('connect', () => end(true));
        socket.on('timeout', () => end(false));
        socket.on('error', () => end(false));
    });
}

;// CONCATENATED MODULE: ./build/modes/clean.js










/** Deletes what `keep` does not keep, and collects garbage, while the registry serves; or puts back what the last run took. */
async function clean(inputs, context) {
    const { desired, undo } = inputs;
    const outcome = { domain: desired.domain, steps: [], applied: true, pushed: [] };
    return context.group(serversTitle(inputs), async () => {
        // Throws before any server is asked.
        storageOf(desired, inputs.grace);
        const done = await onServer(context, server => undo ? putBack(server, inputs, context) : setAside(server, inputs, context));
        return { ...outcome, ...done };
    });
}
async function putBack(server, inputs, context) {
    const collected = await inTurn(async () => collect(server, inputs, 'undo', '', await logsBeside(server, inputs, context)), context.listener.said, context.cancelled);
    const { tags, blobs } = collected.restored;
    context.listener.said(tags.length + blobs === 0
        ? 'there is nothing to put back'
        : `put back ${(0,format/* count */.U9)(tags.length, 'tag')} and ${(0,format/* count */.U9)(blobs, 'blob')}${tags.map(each => `\n+ ${each}`).join('')}`);
    return { collected };
}
async function setAside(server, inputs, context) {
    const { said } = context.listener;
    const inventory = await takeInventory(server, inputs, await logsBeside(server, inputs, context));
    if (inventory === undefined)
        throw noRegistry(inputs.desired.domain);
    const retention = planRetention(inputs.keep ?? [], inventory, inputs.grace);
    for (const each of retentionLines(retention, true))
        said(each);
    const collected = await inTurn(
    // The logs are asked for again, because clients went on in the meantime.
    async () => collect(server, inputs, 'collect', orders(retention), await logsBeside(server, inputs, context)), said, context.cancelled);
    await heed(server, inputs, context);
    for (const { repository, tag } of collected.changed)
        said(`= ${repository}:${tag} was pushed again or deleted in the meantime, and is left as it is`);
    said(`set aside ${(0,format/* megabytes */.ix)(collected.moved)}${collected.freed > 0 ? `; deleted ${(0,format/* megabytes */.ix)(collected.freed)} that an earlier run had set aside` : ''}`);
    return { retention, collected };
}
/** Puts back what clients asked for while images were set aside. If that fails, the next run does it before it deletes anything. */
async function heed(server, inputs, context) {
    const untold = 'so what they asked for while images were set aside is put back by the next run only';
    try {
        await inTurn(async () => settle(server, inputs, await logsBeside(server, inputs, context, untold)), context.listener.said, context.cancelled);
    }
    catch (error) {
        if (!(error instanceof build_failure/* Failure */.HR) || context.cancelled.aborted)
            throw error;
        context.listener.warned(error);
    }
}
/**
 * What the logs of the other servers say. All are needed: there may be a push in progress on any of them. `untold` is what follows if
 * one can\u2019t be asked.
 */
async function logsBeside(collector, inputs, context, untold = 'so nothing is deleted anywhere') {
    if (context.servers.length < 2)
        return noLogs;
    const { desired, keep } = inputs;
    const { done, failed } = await onServers(inputs, context, ({ server }) => readLog(server, desired, keep), true);
    const failure = (0,build_failure/* joined */.oR)(failed.map(({ failure }) => failure));
    if (failure)
        throw new build_failure/* Failure */.HR(failure.topic, `${failure.message}. What clients do there is not known, ${untold}; run again when it can be reached, or take its line out of \`ssh-host\` if it is gone`);
    return gather(done.filter(({ one }) => one.server !== collector).map(({ result }) => result));
}

;// CONCATENATED MODULE: ./build/resources/names.js

/** Names that several resources use. A server may have several registries, so most contain the domain or the directory. */
/**
 * The registry's account on the server, which owns the images: a UID and GID without a name.
 * systemd's table of UIDs leaves 65520\u202665533 to nobody, and distroless images use this one for the same.
 */
const account = '65532:65532';
/** The name of its containers, which a hyphen and the name of their generation follow. */
function container(domain) {
    return `berth-${domain.replaceAll('.', '-')}`;
}
/** The socket at which nginx reaches the registry, whichever generation serves. */
function socket({ directory }) {
    return `${directory}/registry.sock`;
}
/** The users whom nginx lets in. */
function htpasswdFile({ directory }) {
    return `${directory}/htpasswd`;
}
/**
 * What the names of nginx\u2019s variables begin with, which are global. It must be short: since nginx 1.30 `nginx -t` warns if
 * two long ones come to lie in one bucket of 64 bytes, which depends on the domain.
 */
function prefix(domain) {
    return `b${(0,external_node_crypto_.createHash)('sha256').update(domain).digest('hex').slice(0, 6)}`;
}
function siteFile(domain) {
    return `berth-${domain}.conf`;
}
/** The user's own certificate, chain and key in one file. */
function ownFile(directory) {
    return `${directory}/tls.pem`;
}
/** The file that sets a record in DNS for an authority: the credential for certbot\u2019s plugin, or the user\u2019s own script. */
function credentialFile(domain) {
    return `/etc/letsencrypt/berth/dns/${domain}`;
}
/** Where certbot puts the authority's challenge. */
const berthWebroot = '/var/www/berth';
/** The file with the chain that nginx serves, from the server's own certificate upwards. `lineage` is certbot\u2019s name for it. */
function chainFile({ directory, certificate }, lineage) {
    return certificate ? ownFile(directory) : `/etc/letsencrypt/live/${lineage}/fullchain.pem`;
}

;// CONCATENATED MODULE: ./build/resources/brake/brake.js




/**
 * Slows down password guessing. The site limits requests with credentials that were not yet seen to be right, before nginx checks
 * the password. A service tells nginx which credentials were right.
 */
const brake = resource({
    name: 'brake',
    units: ({ domain }) => [`${unit(domain)}.service`],
    probe: ({ domain, directory }) => [['brake_probe', unit(domain), directory]],
    read: (facts, { domain }) => ({
        script: facts.file('brake.script'),
        unit: facts.file('brake.unit'),
        watching: isWatching(facts.unit(`${unit(domain)}.service`)),
        reachable: ['', facts.get('site.group')].includes(facts.get('brake.group')),
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
            ...(seen.unit && !seen.reachable ? change(true, `restart ${service}, which nginx can\u2019t reach`) : []),
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
/** Whether nginx asks for passwords: the registry is not open, and does not ask itself. */
function isLocked(desired) {
    return desired.users !== null && !(0,build_desired/* ownAuth */.Lz)(desired);
}
/**
 * How many passwords may be tried: by one address, or one /64 network, 20 at once and then one a second; and by all together, of
 * users whose password takes up to 25 ms to check, 20 at once and then ten a second.
 */
const guesses = { rate: '1r/s', burst: 20 };
const slowGuesses = { rate: '10r/s', burst: 20 };
/** Makes the digits of a hash by which credentials are told apart: a text for each digit, so that the digits differ. */
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
/** One digit of the hash: it divides the credentials of a network into sixteen parts, and all digits together tell them apart. */
function digitBlock(id, index, salt) {
    const lines = [...'0123456789abcde'].map(digit => `    6.25% ${digit};\n`).join('');
    return `split_clients "${salt}$${id}_network|$http_authorization" $${id}_${index} {\n${lines}    * f;\n}\n`;
}
/**
 * What belongs in the server: first what is known about the credentials, then the limits, which nginx applies before it checks
 * the password. A 429 does not tell whether the password was right. `peers` says whether the registry has other servers.
 */
function brakeServer({ domain }, peers) {
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
${peers ? `    # Another server of the registry has let it in.\n    if ($${id}_peer) { set $${id}_guesser ""; }\n` : ''}\
    # Without the service nobody would ever be known, and everybody would be held up.
    if (!-d ${folder(domain)}/known) { set $${id}_guesser ""; }
    # Whoever does not guess is never slowed down.
    if ($${id}_guesser = "") { set $${id}_slow ""; }
    limit_req zone=${id}_guesses burst=${guesses.burst} nodelay;
    limit_req zone=${id}_slow burst=${slowGuesses.burst} nodelay;
    limit_req_status 429;
    limit_req_log_level warn;
    error_page 429 @slower;
    location @slower {
        return 429 '{"errors":[{"code":"TOOMANYREQUESTS","message":"too many passwords from this address that are not known to be right; try again later"}]}';
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
/** It writes only in its own folder, and gives its files to nginx's group: the only one of root's powers that it needs. */
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

;// CONCATENATED MODULE: ./build/resources/guard/guard.js





/**
 * A service that has nginx refuse uploads while the disk is nearly full. Where images are in object storage, it has nginx refuse all
 * requests while the storage does not answer.
 */
const guard = resource({
    name: 'guard',
    units: ({ domain }) => [`${guard_unit(domain)}.service`],
    probe: ({ domain, directory }) => [['guard_probe', guard_unit(domain), directory]],
    read: (facts, { domain }) => ({
        script: facts.file('guard.script'),
        unit: facts.file('guard.unit'),
        guarding: isGuarding(facts.unit(`${guard_unit(domain)}.service`)),
        room: facts.get('guard.room'),
        silent: facts.is('guard.silent'),
    }),
    warnings: (desired, { room, silent }) => {
        const instead = desired.shared ? 'this server asks the others' : 'clients get 503';
        if (!(0,build_desired/* onDisk */.FC)(desired))
            return silent
                ? [
                    new build_failure/* Failure */.HR('bucket', `the object storage does not answer the registry, so ${instead}; check the storage and the server\u2019s connection to it; service resumes by itself as soon as it answers`),
                ]
                : [];
        return room === ''
            ? []
            : [
                new build_failure/* Failure */.HR('diskFull', `the disk is nearly full, ${room}; delete what is not needed or enlarge the disk: uploads are refused when less than a tenth or 2 GiB is left, whichever is smaller`),
            ];
    },
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
/**
 * What belongs in the server, with other servers beside it: the upstream to ask, which is the way to the others while the storage does not
 * answer here. It is not in the location, where `if` does more than it seems to.
 */
function guardServer(desired, peers) {
    if (!hasDetour(desired, peers))
        return '';
    const id = prefix(desired.domain);
    return `
    # The object storage does not answer here, says berth-guard. It may answer elsewhere.
    set $${id}_way ${id};
    if (-f ${silentFlag(desired.domain)}) { set $${id}_way $${id}_detour; }
`;
}
/** The upstream to ask, as `proxy_pass` has it. */
function guardWay(desired, peers) {
    const id = prefix(desired.domain);
    return hasDetour(desired, peers) ? `$${id}_way` : id;
}
function hasDetour(desired, peers) {
    return peers && !(0,build_desired/* onDisk */.FC)(desired);
}
/** What belongs before the site's servers: the file by which the guard stops a request, for requests that need room. */
function guardMaps({ domain }) {
    const uploads = ['POST', 'PUT', 'PATCH'].map(method => `    ${method} ${fullFlag(domain)};\n`).join('');
    return `map $request_method $${prefix(domain)}_full {
    default "";
${uploads}}
`;
}
/**
 * What belongs in the location that proxies. Docker shows the text of a 403 and does not try again; of a 507 it shows only the
 * number.
 */
function guardLocation(desired, peers) {
    const { domain } = desired;
    const silent = hasDetour(desired, peers) ? `$${prefix(domain)}_way = ""` : `-f ${silentFlag(domain)}`;
    if (!(0,build_desired/* onDisk */.FC)(desired))
        return `
        # The object storage does not answer, says berth-guard: so that nobody waits for it in vain.
        if (${silent}) { return 503 '{"errors":[{"code":"UNAVAILABLE","message":"the object storage of this registry does not answer; try again in a minute"}]}'; }
`;
    return `
        # The disk is nearly full, says berth-guard.
        if (-f $${prefix(domain)}_full) { return 403 '{"errors":[{"code":"DENIED","message":"no space left: the disk of this registry is nearly full, so nothing can be pushed until something is deleted"}]}'; }
`;
}
function isGuarding({ active, enabled }) {
    return active && enabled;
}
function guard_unit(domain) {
    return `berth-guard-${domain}`;
}
function fullFlag(domain) {
    return `/run/${guard_unit(domain)}/full`;
}
function silentFlag(domain) {
    return `/run/${guard_unit(domain)}/silent`;
}
function guardScript(desired) {
    const { domain, directory } = desired;
    const start = `#!/bin/sh\n${shell/* notice */.lm}\n${(0,shell/* library */.Yv)('resources/guard/guard')}\n`;
    if (!(0,build_desired/* onDisk */.FC)(desired))
        return `${start}${(0,shell/* line */.n8)(['guard_storage', silentFlag(domain), `${directory}/registry.sock`])}\n`;
    const call = ['guard', fullFlag(domain), domain];
    const store = `store=$(\n  cat <<'END_OF_STORE'\n${(0,shell/* library */.Yv)('retention/store.pl')}\nEND_OF_STORE\n)\n`;
    return `${start}${store}${(0,shell/* line */.n8)([...call, `${directory}/data`, account])} "$store"\n`;
}
/** It needs to be root for Docker. Of root's powers it needs one, to read the data or to connect to the registry's socket. */
function guard_serviceUnit(desired) {
    const { domain, directory } = desired;
    const power = (0,build_desired/* onDisk */.FC)(desired) ? 'CAP_DAC_READ_SEARCH' : 'CAP_DAC_OVERRIDE';
    return `${shell/* notice */.lm}
[Unit]
Description=Guards the disk of the registry ${domain}
After=docker.service
PartOf=docker.service

[Service]
ExecStart=/bin/sh ${directory}/guard.sh
Environment=LC_ALL=C DOCKER_CONTEXT=default
RuntimeDirectory=${guard_unit(domain)}
Restart=always
RestartSec=5
NoNewPrivileges=yes
CapabilityBoundingSet=${power}
ProtectSystem=strict
ReadWritePaths=/run
PrivateTmp=yes

[Install]
WantedBy=multi-user.target docker.service
`;
}

;// CONCATENATED MODULE: ./build/resources/site/rights.js


/** What belongs before the site's servers. */
function rightsMaps({ domain, users, access, page }) {
    if (users === null || access === undefined)
        return '';
    return ruleMaps(prefix(domain), access, users.map(({ name }) => name), page);
}
/** What belongs in the location that proxies, before anything is read of the request\u2019s body. */
function rightsLocation(desired) {
    const { domain, users, access } = desired;
    if (users === null || access === undefined)
        return '';
    const id = prefix(domain);
    return `
${rightsDenied(desired)}        if ($${id}_source_denied) { return 403 '{"errors":[{"code":"DENIED","message":"$${id}_source_denied"}]}'; }
        proxy_set_header Content-Type $${id}_content_type;
`;
}
/** What belongs in every location that gives something away. */
function rightsDenied({ domain, users, access }) {
    if (users === null || access === undefined)
        return '';
    const id = prefix(domain);
    return `        if ($${id}_denied) { return 403 '{"errors":[{"code":"DENIED","message":"$${id}_denied"}]}'; }
`;
}
// No name that the registry accepts has a percent sign, an empty part or one made of dots, so no path that is written in another way
// matches. In a query, Docker writes the slash as %2F.
const part = '[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?';
const repository = `${part}(?:/${part})*`;
const quotedRepository = `${part}(?:(?:/|%2[Ff])${part})*`;
/** A tag or a digest. */
const reference = '(?:[\\w.+:-]|%3[Aa])+';
const query = '(?:\\?[!-~]*)?';
// The registry decodes the names of parameters, so it would understand `%66rom` or a second `from` when nginx does not.
const parameter = '(?!from=)[a-z_-]+=[\\w.:%+~/=-]*';
const mountQuery = `(?:\\?(?:${parameter}(?:&${parameter})*)?)?`;
const mountFromQuery = `\\?(?:${parameter}&)*from=${quotedRepository}(?:&${parameter})*`;
/**
 * Limits the length of the whole request. A name has at most 255 characters, and a client\u2019s query some hundreds. Matching longer ones
 * piece by piece would cost a worker 180 ms.
 */
const bounded = '(?=[^?]{1,700}(?:\\?.{0,2000})?\\z)';
function ruleMaps(id, access, names, page) {
    const lines = (each) => each.map(line => `    ${line}\n`).join('');
    const rules = ruleLines(names, access);
    const everything = groups(names, access)
        .filter(({ rights }) => [...rights.pull, ...rights.push].includes('**'))
        .flatMap(group => chunks(group.names.map(rights_escaped), 2000))
        .map(each => `"~^(?:${each}) list all repositories\\z" "";`);
    const repo = `(?<${id}_repository>${repository})`;
    const asks = (methods, path, what) => `"~^(?:${methods}) ${bounded}${path}\\z" "${what}";`;
    const v2 = `/v2/${repo}`;
    const pageAsks = [
        asks('GET|HEAD', `/page/(?:page\\.css|page\\.js|user|repositories)?${query}`, 'log in'),
        asks('GET|HEAD', `/page/tags/${repo}`, `pull $${id}_repository`),
    ];
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
${page ? lines(pageAsks) : ''}}
# A layer may be taken over from another repository. Its name may be quoted, and is then up to three times as long.
map "$request_method $request_uri" $${id}_source {
    default "";
    "~^POST ${bounded}[^?]*\\?(?:.*&)?from=(?<${id}_from>[^&]*)(?:&|\\z)" $${id}_from;
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
    return groups(names, access).flatMap(group => ['pull', 'push'].flatMap(verb => chunks(group.rights[verb].map(patternRegex), 1500).flatMap(patterns => chunks(group.names.map(rights_escaped), 2000).map(
    // Nobody can push without reading what is there.
    each => `"~^(?:${each}) ${verb === 'push' ? '(?:pull|push)' : 'pull'} (?:${patterns})\\z" "";`))));
}
/** Groups of users with the same rights, in the order of their first members. */
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
/** Splits the alternatives of a regular expression, because nginx takes no parameter of more than 4 KB. */
function chunks(alternatives, limit, separator = '|') {
    const pieces = [];
    for (const each of alternatives) {
        const last = pieces.at(-1);
        if (last === undefined || last.length + each.length >= limit)
            pieces.push(each);
        else
            pieces[pieces.length - 1] = `${last}${separator}${each}`;
    }
    return pieces;
}
/** `*` matches any part of a name between slashes, `**` matches slashes too. */
function patternRegex(pattern) {
    return pattern
        .split(/(\*\*|\*|\/)/)
        .map(each => each === '**' ? '.*' : each === '*' ? '[^/%]*' : each === '/' ? '(?:/|%2[Ff])' : rights_escaped(each))
        .join('');
}
function rights_escaped(text) {
    return text.replace(/[.+]/g, '\\$&');
}

;// CONCATENATED MODULE: ./build/resources/page/place.js



/** Where the page\u2019s things are on the server. */
function pageFolder(directory) {
    return `${directory}/page`;
}
/** The socket at which nginx reaches the service. */
function catalogSocket({ directory }) {
    return `${directory}/run/page.sock`;
}
/** What the service reads: the folder with the images or, if they are elsewhere, the registry\u2019s socket. */
function source(desired) {
    const { storage } = desired.registry.config;
    const filesystem = (0,json/* isObject */.Gv)(storage) && (0,json/* isObject */.Gv)(storage.filesystem) ? storage.filesystem : {};
    const folder = (0,build_desired/* onDisk */.FC)(desired) && filesystem.rootdirectory === undefined;
    return folder ? `${desired.directory}/data/docker/registry/v2/repositories` : `unix:${socket(desired)}`;
}

;// CONCATENATED MODULE: ./build/resources/page/nginx.js





/** What belongs before the site's servers. */
function pageMaps(desired) {
    if (!desired.page)
        return '';
    const id = prefix(desired.domain);
    return `upstream ${id}_catalog { server unix:${catalogSocket(desired)}; }
# Docker and its like don't ask for HTML.
map "$request_method $request_uri $http_accept" $${id}_browser {
    default "";
    "~^(?:GET|HEAD) /(?:\\?[^ ]*)? .*text/html" 1;
    "~^(?:GET|HEAD) /page(?:\\?[^ ]*)? " 1;
}
# All files that there are.
map $uri $${id}_file {
    default none;
    /page/ index.html;
    /page/page.css page.css;
    /page/page.js page.js;
}
${seesMaps(desired)}`;
}
/** What belongs in the server, before its locations. */
function pageServer({ domain, page }) {
    return page ? `\n    if ($${prefix(domain)}_browser) { return 302 /page/; }\n` : '';
}
/** The patterns of what a user may pull, spread over variables, because nginx limits the length of a parameter. */
function seesMaps({ domain, users, access }) {
    const parts = seesParts({ users, access });
    return parts
        .map((lines, index) => {
        const text = lines.map(([names, patterns]) => `    "~^(?:${names})\\z" "${patterns}";\n`).join('');
        return `map $remote_user $${prefix(domain)}_sees_${index} {\n    default "";\n${text}}\n`;
    })
        .join('');
}
/** For each variable, the users by name, as a regular expression, and their patterns. */
function seesParts({ users, access }) {
    if (users === null || access === undefined)
        return [];
    const parts = [];
    const names = users.map(({ name }) => name);
    for (const group of groups(names, access)) {
        const { pull, push } = (0,build_desired/* rightsOf */.DY)(group.names[0] ?? '', access);
        const patterns = [...new Set([...pull, ...push])];
        for (const [index, piece] of chunks(patterns, 3000, ' ').entries()) {
            const lines = chunks(group.names.map(rights_escaped), 2000).map(each => [each, piece]);
            parts[index] = [...(parts[index] ?? []), ...lines];
        }
    }
    return parts;
}
function sees(desired) {
    if (desired.access === undefined)
        return '**';
    return seesParts(desired)
        .map((_, index) => `$${prefix(desired.domain)}_sees_${index}`)
        .join(' ');
}
/**
 * What belongs in the server, beside the other locations. `headers` are those of the server, which a location with headers of its
 * own would lose. `passed` is what the brake needs to know.
 */
function pageLocations(desired, headers, passed) {
    if (!desired.page)
        return '';
    const { domain, directory } = desired;
    const id = prefix(domain);
    const cache = (value) => `${headers}        add_header Cache-Control ${value} always;\n`;
    const page = `${cache('no-cache')}        add_header Content-Security-Policy "${policy(domain)}" always;
        add_header Referrer-Policy no-referrer always;
        add_header Cross-Origin-Opener-Policy same-origin always;
        types { text/html html; text/css css; text/javascript js; }
        root ${pageFolder(directory)};
        try_files /$${id}_file =404;
`;
    const user = `${cache('no-store')}        return 200 '{"user":"${isLocked(desired) ? '$remote_user' : ''}","sees":"${sees(desired)}"}';\n`;
    const data = `${cache('no-store')}        client_max_body_size 1k;
        proxy_pass http://${id}_catalog;
        proxy_pass_request_headers off;
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
        proxy_set_header X-Berth-Sees "${sees(desired)}";
        proxy_buffers 16 64k;
        proxy_read_timeout 320s;
`;
    const places = [
        { path: '/page/', name: 'page', content: page },
        { path: '= /page/user', name: 'page_user', content: user },
        { path: '= /page/repositories', name: 'page_data', content: data },
        { path: '^~ /page/tags/', name: 'page_data', content: data },
    ];
    if (!isLocked(desired))
        return places.map(({ path, content }) => `    location ${path} {\n${content}    }\n`).join('');
    const ways = places.map(({ path, name }) => `    location ${path} {
        satisfy all;
        auth_basic "Registry";
        auth_basic_user_file ${htpasswdFile(desired)};
        error_page 401 @page_unauthorized;
        error_page 429 @slower;
        root /nonexistent;
        try_files /none @${name};
    }
`);
    const behind = places.slice(0, 3).map(({ name, content }) => `    location @${name} {
        auth_basic off;
${passed}${rightsDenied(desired)}${content}    }
`);
    return `${ways.join('')}${behind.join('')}    location @page_unauthorized {
        default_type text/plain;
        return 401 'This registry asks for a name and a password. Reload the page to enter them.';
    }
    # A browser keeps one password for all of this, the last that was not refused: the page gives it this one, which opens nothing
    # else. None is looked at here, so it is no guess.
    location = /page/logout {
        access_log off;
        add_header WWW-Authenticate 'Basic realm="Registry"' always;
        if ($http_authorization != "Basic bm9ib2R5Om5vdGhpbmc=") { return 401 '{}'; }
        return 204;
    }
`;
}
/** A policy by which the browser runs and requests nothing but these files, above all nothing that somebody has pushed. */
function policy(domain) {
    return [
        "default-src 'none'",
        `script-src https://${domain}/page/page.js`,
        `style-src https://${domain}/page/page.css`,
        `connect-src https://${domain}/v2/ https://${domain}/page/`,
        'img-src data:',
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ].join('; ');
}

;// CONCATENATED MODULE: ./build/resources/site/inherited.js
/**
 * What every site inherits from nginx's `http{}`, and what Berth's servers set instead. An inherited cache would give images away
 * without a password, and inherited limits and filters would break pushes in ways that nobody understands.
 *
 * Lists such as `limit_conn` have no value for "none", so a limit that never applies takes their place. A test goes through all
 * directives of nginx that can be inherited.
 */
/** What belongs before the servers: limits that count nobody. */
function limitZones(id) {
    return `map "" $${id}_nobody { default ""; }
limit_conn_zone $${id}_nobody zone=${id}_nobody:64k;
limit_req_zone $${id}_nobody zone=${id}_no_request:64k rate=1000r/s;
`;
}
/** For every server. `named` are the directives of `optional` that this nginx's configuration names. */
function serverDefaults(id, named) {
    return `    allow all;
    satisfy all;
    auth_basic off;
    auth_delay 0;
    limit_conn ${id}_nobody 65535;
    limit_rate 0;
    limit_rate_after 0;
    error_page 599 /;
    recursive_error_pages off;
    open_file_cache off;
    disable_symlinks off;
    ssi off;
    mirror off;
${Object.entries(optional)
        .filter(([name]) => named.includes(name))
        .map(([name, value]) => `    ${name} ${value};\n`)
        .join('')}`;
}
/** For a server that nothing else limits. */
function noRequestLimit(id) {
    return `    limit_req zone=${id}_no_request;\n`;
}
/** For the server that clients push to. */
const clientDefaults = `    client_header_timeout 60s;
    client_header_buffer_size 4k;
    large_client_header_buffers 4 32k;
    client_body_in_file_only off;
    client_body_in_single_buffer off;
    keepalive_timeout 75s;
    keepalive_requests 1000;
    lingering_close on;
    lingering_time 30s;
    lingering_timeout 5s;
    limit_req_dry_run off;
    charset off;
    expires off;
    userid off;
    ssl_verify_client off;
    ssl_early_data off;
    ssl_ecdh_curve auto;
    ssl_buffer_size 16k;
    ssl_stapling off;
    ssl_ocsp off;
    ssl_reject_handshake off;
`;
/** For a location that layers go through, in both directions at once: in pieces, and never by way of the disk. */
const streaming = `        proxy_http_version 1.1;
        proxy_request_buffering off;
        proxy_max_temp_file_size 0;
        proxy_buffer_size 256k;
        proxy_buffers 8 256k;
        proxy_busy_buffers_size 512k;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
`;
/** For every location that proxies. */
const proxyDefaults = `        proxy_cache off;
        proxy_store off;
        proxy_bind off;
        proxy_buffering on;
        proxy_intercept_errors off;
        proxy_ignore_client_abort off;
        proxy_limit_rate 0;
        proxy_pass_request_headers on;
        proxy_pass_request_body on;
        proxy_redirect off;
        proxy_temp_file_write_size 512k;
`;
/**
 * Directives of modules that not every nginx has, and of later versions. They can be set only where nginx knows them, as it does if its
 * configuration names them.
 */
const optional = {
    add_after_body: '""',
    add_before_body: '""',
    add_header_inherit: 'on',
    auth_gss: 'off',
    auth_pam: 'off',
    auth_request: 'off',
    brotli: 'off',
    dav_methods: 'off',
    gunzip: 'off',
    max_headers: '1000',
    modsecurity: 'off',
    slice: '0',
    srcache_fetch_skip: '1',
    srcache_store_skip: '1',
    sub_filter_types: 'text/none',
    subs_filter_types: 'text/none',
};

;// CONCATENATED MODULE: ./build/resources/site/peers.js




/** The header by which a server says that it asks for another. */
const header = 'X-Berth-Peer';
const asked = '$http_x_berth_peer';
/** IP addresses, each as nginx takes it before a port. */
function servers(peers, port) {
    return peers
        .map(each => `    server ${each.includes(':') ? `[${each}]` : each}:${port} max_fails=0;\n`)
        .join('');
}
/** What belongs before the server on port 80. */
function challengeUpstream(domain, peers) {
    return peers.length === 0 ? '' : `upstream ${prefix(domain)}_challenges {\n${servers(peers, 80)}}\n`;
}
/** What belongs in that server: where to look for a challenge that is not here. The timeouts are short, in case a server is down. */
function challengeLocation(domain, peers) {
    if (peers.length === 0)
        return '';
    return `
    location @peers {
        if (${asked}) { return 404; }
        proxy_pass http://${prefix(domain)}_challenges;
        proxy_set_header Host ${domain};
        proxy_set_header ${header} 1;
        proxy_connect_timeout 1s;
        proxy_read_timeout 2s;
        proxy_send_timeout 2s;
        proxy_next_upstream error timeout invalid_header http_404 http_500 http_502 http_503 http_504;
${proxyDefaults}    }`;
}
/**
 * Where nginx finds the registry: always its own first. The others are behind a server of this nginx, because they need TLS and the
 * socket must not have it, and an upstream has only one of the two. So nginx itself knows what may be sent again.
 */
function registryUpstream(desired, peers) {
    const id = prefix(desired.domain);
    const own = `unix:${socket(desired)}`;
    if (peers.length === 0)
        return `upstream ${id} { server ${own}; }\n`;
    return `upstream ${id} {
    server ${own} max_fails=0;
    server ${loopback(desired.domain)}:80 backup max_fails=0;
}
upstream ${id}_elsewhere {
    server ${loopback(desired.domain)}:80 max_fails=0;
}
upstream ${id}_peers {
${servers(peers, 443)}}
# Where to ask if this server can't answer; nowhere if another one asks, for that one goes on to the next.
map ${asked} $${id}_detour {
    default "";
    "" ${id}_elsewhere;
}
`;
}
/** What belongs in the location that proxies to the registry. */
function failover(desired, peers) {
    if (peers.length === 0)
        return '';
    // A registry without its storage answers 503.
    return `        proxy_next_upstream error http_503;
${isLocked(desired) ? '        proxy_set_header X-Berth-Authorization $http_authorization;\n' : ''}`;
}
/**
 * The way to the others, for this nginx alone. Each of them must show a certificate for the registry\u2019s name, and checks the password
 * itself.
 */
function peerServer(desired, named, peers) {
    const { domain } = desired;
    if (peers.length === 0)
        return '';
    const id = prefix(domain);
    return `
server {
    listen ${loopback(domain)}:80;
    server_name ${domain};
    server_tokens off;
    access_log off;
    error_log /var/log/nginx/${domain}.error.log;
    default_type application/json;
    client_max_body_size 0;
    client_body_buffer_size 1m;
    large_client_header_buffers 4 64k;
${serverDefaults(id, named)}${noRequestLimit(id)}
    location / {
        # Asked by one of the others: they have tried each other.
        if (${asked}) { return 503 '{"errors":[{"code":"UNAVAILABLE","message":"no server of this registry answers"}]}'; }
        proxy_pass https://${id}_peers;
        proxy_ssl_server_name on;
        proxy_ssl_name ${domain};
        proxy_ssl_verify on;
        proxy_ssl_verify_depth 5;
        proxy_ssl_trusted_certificate ${trustOf(desired)};
${streaming}\
        proxy_set_header ${header} 1;
${isLocked(desired) ? '        proxy_set_header Authorization $http_x_berth_authorization;\n        proxy_set_header X-Berth-Authorization "";\n' : ''}\
        # This server says them itself.
        proxy_hide_header Strict-Transport-Security;
        proxy_hide_header X-Content-Type-Options;
        proxy_connect_timeout 2s;
        proxy_send_timeout 900s;
        proxy_read_timeout 900s;
        proxy_next_upstream error timeout http_502 http_503;
${proxyDefaults}    }
}
`;
}
/** The file with the authorities that must have signed the other servers\u2019 certificates. */
function peersTrust(directory) {
    return `${directory}/peers.pem`;
}
function trustOf({ directory, acme }) {
    return acme.ca === undefined ? '/etc/ssl/certs/ca-certificates.crt' : peersTrust(directory);
}
/** A loopback address that no other registry on this machine uses. nginx has port 80 of all addresses anyway. */
function loopback(domain) {
    const bytes = (0,external_node_crypto_.createHash)('sha256').update(domain).digest().subarray(0, 3);
    return ['127', ...[...bytes].map(byte => 1 + (byte % 254))].join('.');
}
/** What belongs before the site\u2019s servers, for the brake: the other servers have already limited what they pass on. */
function peerMap(domain, peers) {
    if (peers.length === 0)
        return '';
    return `map $remote_addr $${prefix(domain)}_peer {\n    default "";\n${peers.map(each => `    ${each} 1;\n`).join('')}}\n`;
}
/** The addresses to which a site passes requests on. */
function passedTo(content, domain) {
    const [, upstream = ''] = new RegExp(`^upstream ${prefix(domain)}_peers \\{\\n([^}]*)\\}`, 'm').exec(content) ?? [];
    return [...upstream.matchAll(/^ *server \[?([0-9a-f.:]+?)\]?:443 /gm)].map(([, address = '']) => address);
}

;// CONCATENATED MODULE: ./build/resources/site/nginx.js








/** Differences between versions of nginx, newest first, each with the version that brought it. */
const dialects = [
    { since: '1.25.1', http2: true },
    { since: '1.19.4', http2: false },
];
/** The oldest nginx that can refuse a client without showing a certificate. */
const oldest = '1.19.4';
/** A file that exists while nginx is about to be reloaded. */
const draining = '/run/berth-draining';
/** The dialect that a version of nginx understands. */
function dialect(version) {
    return dialects.find(({ since }) => rank(version) >= rank(since)) ?? dialects[1];
}
/** A number to compare versions by: `1.25.1` is 1025001. A collator would take Node 20 ms to load. */
function rank(version) {
    const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
    return (major * 1000 + minor) * 1000 + patch;
}
/** Port 80: the authority's challenge, and a redirect to HTTPS. Before the first certificate, this is the whole site. */
function challengeConf(domain, { ipv6, webroot, named, peers }) {
    const id = prefix(domain);
    const last = peers.length === 0 ? '' : ' try_files $uri @peers;';
    const fallback = webroot === undefined ? last : ' try_files $uri @elsewhere;';
    // Somebody else's certificate that has this name too is renewed by it.
    const elsewhere = webroot === undefined ? '' : `\n    location @elsewhere { root ${webroot};${last} }`;
    return `${shell/* notice */.lm}
${limitZones(id)}${challengeUpstream(domain, peers)}server {
    ${listen('80', ipv6)}
    server_name ${domain};
    server_tokens off;
    access_log /var/log/nginx/${domain}.access.log;
    error_log /var/log/nginx/${domain}.error.log;
${serverDefaults(id, named)}${noRequestLimit(id)}
    location /.well-known/acme-challenge/ { root ${berthWebroot};${fallback} }${elsewhere}${challengeLocation(domain, peers)}
    location / { return 301 https://${domain}$request_uri; }
}
`;
}
function listen(port, ipv6) {
    return [`listen ${port};`, ...(ipv6 ? [`listen [::]:${port};`] : [])].join('\n    ');
}
/** Berth's servers for ports 80 and 443, and one for unknown names unless another site answers for them. */
function siteConf(desired, dialect, neighbours) {
    const { domain, certificate } = desired;
    const id = prefix(domain);
    const { ipv6, others, lineage, named, peers } = neighbours;
    const chain = chainFile(desired, lineage);
    const key = certificate ? chain : `/etc/letsencrypt/live/${lineage}/privkey.pem`;
    const tls = dialect.http2 ? `${listen('443 ssl', ipv6)}\n    http2 on;` : listen('443 ssl http2', ipv6);
    const text = `# The registry's socket, whichever of its containers serves.
${registryUpstream(desired, peers)}
${guardMaps(desired)}${isLocked(desired) ? peerMap(domain, peers) + brakeMaps(desired) + rightsMaps(desired) : ''}${pageMaps(desired)}
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
${headers(id, '    ')}    add_header Docker-Distribution-Api-Version registry/2.0 always;

    # Layers are as large as they are, and go straight through: a proxy that first writes them to its own disk halves
    # the speed of an upload. In pieces of some size, for with the default of 4 to 64 KB the switching costs more than the work.
    client_max_body_size 0;
    client_body_buffer_size 1m;
    http2_body_preread_size 1m;
    http2_chunk_size 128k;
    chunked_transfer_encoding on;
    client_body_timeout 60s;
    default_type application/json;

    # In place of what is meant for other sites.
${serverDefaults(id, named)}${clientDefaults}${isLocked(desired) ? brakeServer(desired, peers.length > 0) : noRequestLimit(id)}${guardServer(desired, peers.length > 0)}${pageServer(desired)}
${pageLocations(desired, headers(id, '        '), isLocked(desired) ? brakePassed(desired) : '')}${locations(desired, peers)}}
${peerServer(desired, named, peers)}${stranger(dialect, others, ipv6)}`;
    return `${challengeConf(domain, neighbours)}\n${(0,shell/* withoutComments */.fx)(text)}`;
}
/** The headers of every answer. */
function headers(id, indent) {
    return `${indent}add_header Connection $${id}_connection always;
${indent}add_header Strict-Transport-Security "max-age=63072000" always;
${indent}add_header X-Content-Type-Options nosniff always;
`;
}
/**
 * nginx lets in whoever is in the file of users, which it reads for each request, and only then checks what they may do: `try_files`
 * comes after the check of the password, and finds nothing. The registry itself checks no password.
 */
function locations(desired, peers) {
    if (!isLocked(desired))
        return `    location / {${proxy(desired, peers)}    }\n`;
    return `    location / {
        # Even where all sites have "satisfy any": an address is not a password.
        satisfy all;
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
${rightsLocation(desired)}${proxy(desired, peers)}    }
`;
}
function proxy(desired, peers) {
    return `${guardLocation(desired, peers.length > 0)}
        proxy_pass http://${guardWay(desired, peers.length > 0)};
${streaming}\
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        # nginx has said it already.
        proxy_hide_header Docker-Distribution-Api-Version;
        proxy_connect_timeout 60s;
        proxy_send_timeout 900s;
        proxy_read_timeout 900s;
        send_timeout 900s;
${failover(desired, peers)}${proxyDefaults}`;
}
/**
 * Mozilla's intermediate configuration, version 6.0, without its curves: OpenSSL 3.5's own list begins with the post-quantum
 * X25519MLKEM768, and an older OpenSSL would refuse a list that has it. Tickets are off because nginx would encrypt them with one
 * key for as long as it runs.
 */
const protocols = `    # Mozilla's intermediate configuration, version 6.0.
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305;
    ssl_prefer_server_ciphers off;
    ssl_session_tickets off;
    # The same once more, so that commands for other sites are none for this one.
    ssl_conf_command Options -SessionTicket;`;
/** A server that shows no certificate to whoever asks for an unknown name, unless another site answers for those. */
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

;// CONCATENATED MODULE: ./build/resources/renewal/conf.js

const needed = ['cert', 'privkey', 'chain', 'fullchain', 'server', 'account', 'authenticator'];
/** Settings that keep a certificate which was set up by hand from being renewed while nginx runs, or at all. */
const obstructive = /^(?!(?:pre|post)_hook = ""$)(installer|pre_hook|post_hook|autorenew|standalone_\w+|http01_\w+|nginx_\w+|apache_\w+)\s*=/;
/** Settings that say how the authority is answered. */
const answering = /^(authenticator|webroot_path|pref_challs|manual_\w+|dns_\w+)\s*=/;
/**
 * certbot\u2019s settings for a certificate, changed so that it is renewed through Berth\u2019s site; unchanged if it already is; `undefined`
 * if something is missing that only an order can bring.
 */
function renewable(content, domain) {
    if (!complete(content))
        return undefined;
    const lines = content.split('\n').map(line => line.trim());
    const has = (line) => lines.includes(line);
    const dns = lines.some(line => /^pref_challs\s*=.*dns/.test(line));
    if (has('authenticator = webroot') && has(`${domain} = ${berthWebroot}`) && !dns && !obstructed(content))
        return content;
    return [
        ...without(content),
        'authenticator = webroot',
        `webroot_path = ${berthWebroot},`,
        '[[webroot_map]]',
        `${domain} = ${berthWebroot}`,
        '',
    ].join('\n');
}
/** Stands for the seconds that certbot waits for a record, which are measured on the server. */
const wait = '@WAIT@';
/** The same for a renewal by DNS: unchanged if it already is by DNS, however long the wait is. */
function renewableByDns(content, domain, dns) {
    if (!complete(content))
        return undefined;
    const file = credentialFile(domain);
    const wanted = settingsOf(dns, file);
    const lines = unmeasured(content)
        .split('\n')
        .map(line => line.trim());
    const present = lines.filter(line => answering.test(line)).sort();
    if (present.join('\n') === wanted.toSorted().join('\n') && !obstructed(content))
        return content;
    return [...without(content), ...wanted].join('\n');
}
/** The settings with `@WAIT@` in place of their wait, which is still to be measured. */
function unmeasured(content) {
    return content.replace(/^(dns_\w+_seconds = |manual_auth_hook = .* sleep )\d+$/gm, `$1${wait}`);
}
/** The settings as certbot writes them after an order. */
function settingsOf(dns, file) {
    return ['pref_challs = dns-01,', ...authenticatorLines(dns, file)];
}
function authenticatorLines({ name, credentials }, file) {
    switch (name) {
        case 'hook':
            return [
                'authenticator = manual',
                `manual_auth_hook = ${file} set && sleep ${wait}`,
                `manual_cleanup_hook = ${file} clear`,
            ];
        case 'route53':
            return ['authenticator = dns-route53'];
        default: {
            const prefix = `dns_${name.replaceAll('-', '_')}`;
            return [
                `authenticator = dns-${name}`,
                `${prefix}_propagation_seconds = ${wait}`,
                ...(credentials === undefined ? [] : [`${prefix}_credentials = ${file}`]),
            ];
        }
    }
}
const complete = (content) => needed.every(name => new RegExp(`^${name} = .`, 'm').test(content));
const obstructed = (content) => content.split('\n').some(line => obstructive.test(line));
/** All lines except those that say how the authority is answered and those that are in the way. */
function without(content) {
    const lines = content.split('\n');
    const map = lines.findIndex(line => line.trim() === '[[webroot_map]]');
    return (map < 0 ? lines : lines.slice(0, map)).filter(line => !obstructive.test(line) && !answering.test(line) && line !== '');
}
/** The value of a setting in certbot\u2019s file, such as `server`. */
function setting(file, name) {
    return new RegExp(`^${name} = (.*)$`, 'm').exec(file?.content ?? '')?.[1];
}

;// CONCATENATED MODULE: ./build/resources/renewal/settings.js



/** Reads `FILE NAME VALUE;` for each setting. */
function readSettings(text) {
    return text.split(';').flatMap(each => {
        const [file = '', name = '', value = ''] = each.split(' ');
        return name === '' ? [] : [{ file, name, value }];
    });
}
/** Settings that no argument overrides. */
const flags = /^(standalone|nginx|apache|manual|dns-(?!.*-(?:credentials|seconds)$)[\w-]+|staging|test-cert|dry-run)$/;
/** The settings with which the server can't renew the certificate by itself. */
function hindering(settings, { domain, acme }, { name: lineage, conf }) {
    const authenticator = authenticatorOf(acme);
    const challenge = acme.dns ? /\bdns\b/ : /\bhttp\b/;
    const byDns = () => acme.dns !== undefined;
    const noScript = () => authenticator !== 'manual';
    const harmless = {
        authenticator: value => value === authenticator,
        configurator: value => value === authenticator,
        [authenticator]: () => true,
        'preferred-challenges': value => challenge.test(value),
        server: value => value === acme.server,
        'webroot-path': value => byDns() || value === berthWebroot,
        'webroot-map': byDns,
        'config-dir': value => value === '/etc/letsencrypt',
        'cert-name': value => value === lineage,
        account: value => conf === undefined || value === setting(conf, 'account'),
        'manual-auth-hook': noScript,
        'manual-cleanup-hook': noScript,
        [`${authenticator}-credentials`]: value => acme.dns?.credentials === undefined || value === credentialFile(domain),
    };
    return settings.filter(({ name, value }) => {
        if (name !== authenticator && flags.test(name))
            return /^(true|yes|1)$/i.test(value);
        const known = harmless[name];
        // Settings of other plugins don't matter.
        return known ? !known(value) : !/^dns-/.test(name);
    });
}
/** certbot\u2019s name for what answers the authority. */
function authenticatorOf({ dns }) {
    if (!dns)
        return 'webroot';
    return dns.name === 'hook' ? 'manual' : `dns-${dns.name}`;
}
/** What is wrong, in a sentence; `undefined` if nothing is. */
function settingsFailure(found, { acme }) {
    if (found.length === 0)
        return undefined;
    const refused = found.find(({ name }) => name === 'refused');
    if (refused)
        return refusedFailure(refused.value, refused.file);
    const all = found.map(({ file, name, value }) => {
        if (name === 'hook')
            return `${file} stops nginx`;
        if (/^(pre|post)-hook$/.test(name))
            return `\`${name}\` in ${file} stops nginx`;
        return /-hook$/.test(name) ? `\`${name}\` is in ${file}` : `\`${name} = ${value}\` is in ${file}`;
    });
    return new build_failure/* Failure */.HR('renewal', `the server\u2019s certbot can\u2019t renew the certificate ${acme.dns ? 'by DNS' : 'through nginx'}, because ${all.join(', and ')}, for every certificate of the server; move that to the settings of the certificates that need it, in /etc/letsencrypt/renewal`);
}
/** The failure for an option that certbot does not know, or whose value it rejects; `-` if it is not known which. */
function refusedFailure(option, file = '/etc/letsencrypt/cli.ini') {
    return new build_failure/* Failure */.HR('renewal', `certbot on the server does not take ${option === '-' ? 'all of' : `\`${option}\` in`} ${file}, so it neither orders nor renews any certificate; take that out, or install the plugin that it is for`);
}
/** The settings with which no certificate can be ordered at all. */
function preventing(found) {
    return found.filter(({ name }) => flags.test(name) || name === 'csr' || name === 'refused');
}

;// CONCATENATED MODULE: ./build/resources/certificate/dns-failure.js


/**
 * Why a record in DNS could not be set, from the output of rehearsal.py and of certbot\u2019s plugin; `undefined` if there was no
 * rehearsal, or it went well. The patterns match certbot\u2019s plugins 2.0 to 4.0 and their libraries.
 */
function rehearsalFailure(domain, dns, output) {
    const [, what, details = ''] = /^ ?rehearsal: (\S+) ?(.*)$/m.exec(output) ?? [];
    if (what === undefined)
        return undefined;
    const sentence = sentences[what]?.(domain, dns, details, output);
    return new build_failure/* Failure */.HR('dnsRecord', `nothing was ordered: ${sentence ?? providerSentence(domain, dns, output)}`);
}
const sentences = {
    zone: domain => `DNS knows no zone that ${domain} is in; register the domain, or have its parent delegate it to its name servers`,
    resolver: (domain, _, details) => `DNS on the server has no answer for ${details.replace(/ (.*)/, ' ($1)')}; check the name servers of ${domain} with \`dig +trace\`, and the server\u2019s own resolver`,
    cname: (domain, { name }, target) => name === 'hook'
        ? `${record(domain)} is a CNAME to ${target}, and the record did not appear there; let your script set it under that name`
        : `${record(domain)} is a CNAME to ${target}, which certbot\u2019s plugin for ${name} does not follow; remove the CNAME, or use \`acme-dns: hook\` with a script that sets the record there`,
    unseen: (domain, dns, details) => {
        const [seconds, ...servers] = details.split(' ');
        return `${setter(dns)} set a record, and ${servers.join(' and ')} did not show it within ${seconds} s; is the zone of ${domain} served by these name servers, and not only by others?`;
    },
    broken: (domain, _, error) => `the rehearsal broke off with \u201c${error.slice(0, 200)}\u201d; see on the server what the name servers of ${domain} answer (\`dig TXT ${record(domain)} @NAMESERVER\`), and run again`,
    hook: (domain, _, code, output) => `your script ended with ${code} when it should have set ${record(domain)}${lastWords(output)}; run it by hand on the server, as \`/etc/letsencrypt/berth/dns/\u2026\` would be`,
};
const record = (domain) => `_acme-challenge.${domain}`;
const setter = ({ name }) => (name === 'hook' ? 'your script' : `certbot\u2019s plugin for ${name}`);
/** The last line that a hook printed, as certbot shows it. */
function lastWords(output) {
    const said = /ran with error output:\n((?: .*\n?)+)/.exec(output)?.[1]?.trim().split('\n').at(-1)?.trim();
    return said === undefined ? '' : ` (\u201c${said.slice(0, 200)}\u201d)`;
}
/** What a provider, or certbot\u2019s plugin for it, said. */
function providerSentence(domain, { name, credentials }, output) {
    const plugin = `certbot\u2019s plugin for ${name}`;
    const words = (0,format/* withoutDomain */.t7)(output, domain);
    if (credentials === undefined && noCredential.test(words))
        return `${plugin} needs a credential; give \`acme-dns-credentials\` (is the secret that it comes from set?)`;
    const known = providerWords.find(([pattern]) => pattern.test(words));
    if (known)
        return known[1](domain, name, plugin);
    const said = output
        .split('\n')
        .map(line => line.trim())
        .filter(line => line !== '' && !boilerplate.test(line))
        .at(-1);
    return `${plugin} failed${said === undefined ? '' : ` with \u201c${said.slice(0, 300)}\u201d`}; see its documentation for what \`acme-dns-credentials\` must contain, and which rights it needs`;
}
const boilerplate = /^(rehearsal:|Ask for help|Saving debug log|See the logfile|Account registered|Requesting a certificate|Encountered exception during recovery)/;
const noCredential = /Missing command line flag or config entry|NoCredentials|Unable to locate credentials|credentials were not found|configure credentials/i;
/** The first match counts: an unreachable provider also leads to \u201cno zone\u201d, and \u201cconnection refused\u201d says nothing about a credential. */
const providerWords = [
    [
        /Missing propert|Error parsing credentials|unsafe permissions|Unable to load|not valid JSON|MalformedError|Unable to parse config file|Expecting value: line 1/i,
        (_, _name, plugin) => `\`acme-dns-credentials\` is not what ${plugin} takes; give a credentials file as its documentation describes`,
    ],
    [
        /\b429\b|Too Many Requests|throttl|rate.?limit|rate exceeded/i,
        (_, name) => `${name} accepts no more requests for now; run again in a few minutes`,
    ],
    [
        /timed out|Timeout|Connection refused|Name or service not known|NameResolution|Max retries|No route to host|Network is unreachable|EndpointConnectionError|Could not connect|connection failed/i,
        (_, name) => `the server can\u2019t reach ${name === 'rfc2136' ? 'the name server that `acme-dns-credentials` names' : `the API of ${name}`}; may it connect there, and does DNS work on the server?`,
    ],
    [
        /\b40[13]\b|9109|\b6003\b|\b10000\b|Invalid access token|Invalid request headers|Authentication error|unauthori[sz]ed|forbidden|InvalidClientTokenId|SignatureDoesNotMatch|AccessDenied|NoCredentials|invalid_grant|(Unable to|Could not) authenticate|Invalid token|permission|peer didn.t (know|like)|NOTAUTH|BADKEY|BADSIG|BADTIME|REFUSED/i,
        (domain, name) => `${name} refuses \`acme-dns-credentials\`, or it may not write ${record(domain)}; give it that right, or a new one`,
    ],
    [
        /Unable to (determine|find) (the )?(zone|base domain|managed zone|a Route53 hosted zone|DNS zone)|No domain found|Could not find suitable domain|hosted zone for|Domain not found|does not (exist|manage)/i,
        (domain, name) => `${name} has no zone for ${domain}, or \`acme-dns-credentials\` may not see it; give the credential the right to that zone, or use that of the account which has it`,
    ],
    [
        /unrecognized arguments|requested .* plugin does not appear to be installed/i,
        (_, name, plugin) => `${plugin} is missing, or not one that Berth knows how to call; use another, or \`acme-dns: hook\` instead of ${name}`,
    ],
];

;// CONCATENATED MODULE: ./build/resources/certificate/failure.js



/**
 * Why an authority gave no certificate, in a sentence; `undefined` if only certbot\u2019s own words (`output`) can say it. The patterns
 * match certbot 1.12 to 5.5, Let\u2019s Encrypt and Pebble.
 */
function orderFailure({ domain, acme }, output) {
    const setting = /^--server value conflicts with --staging|^Too many flags setting configurators.*/m.exec(output)?.[0];
    if (setting !== undefined) {
        return new build_failure/* Failure */.HR('renewal', `certbot\u2019s settings for all certificates forbid the order (${setting}); take them out of /etc/letsencrypt/cli.ini`);
    }
    const refused = /^certbot: error: .*?--((?!dns-)[a-z][\w-]*)/m.exec(output)?.[1];
    if (refused !== undefined)
        return refusedFailure(refused);
    const rehearsed = acme.dns && rehearsalFailure(domain, acme.dns, output);
    if (rehearsed)
        return rehearsed;
    const shown = /^nginx was reloaded, but port 443 still shows another certificate.*$/m.exec(output)?.[0];
    if (shown !== undefined)
        return new build_failure/* Failure */.HR('port', shown);
    const about = { domain, acme, host: new URL(acme.server).host, output };
    for (const [pattern, topic, sentence] of meanings) {
        const said = pattern.test(output) ? sentence(about) : undefined;
        if (said !== undefined)
            return new build_failure/* Failure */.HR(topic, said);
    }
    return undefined;
}
/**
 * What certbot\u2019s words mean, the first that fits, and what to do; a sentence is `undefined` if they don\u2019t mean it in this order.
 * First what names its cause, last what may have many.
 */
const meanings = [
    [
        /rateLimited|too many (certificates|new orders|failed|registrations|currently pending)|There were too many requests|<Response \[429\]>/i,
        'authority',
        ({ domain, host, output }) => {
            const until = /retry after (\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?: ?UTC|Z)?)/i.exec(output)?.[1];
            return `${host} has issued too many certificates, or seen too many attempts, for ${domain}, and accepts the next one ${until ? `after ${until}` : 'in a few hours, at the latest after a week'}; run again then, or try with \`acme-server: letsencrypt-staging\` until it works`;
        },
    ],
    [
        /^certbot did not finish/m,
        'authority',
        ({ acme }) => `certbot did not finish within 15 minutes on the server and was stopped; see what its hooks in /etc/letsencrypt/renewal-hooks${acme.dns?.name === 'hook' ? ' or your script' : ''} wait for, and run again`,
    ],
    [
        /Another instance of Certbot is already running/,
        'authority',
        () => 'another certbot has been running on the server for 5 minutes; look at it with `pgrep -a certbot`, end it if it hangs, and run again',
    ],
    [
        /the runner did not give the word/,
        'port80',
        ({ domain }) => `this runner did not say within 30 s whether it sees http://${domain}, so nothing was ordered; run again`,
    ],
    [
        /externalAccountRequired|external account binding|eab-kid/i,
        'authority',
        ({ acme, host }) => acme.eab
            ? `${host} refuses \`acme-eab\`; get a new kid and hmac from it, since many can be used only once`
            : `${host} requires an account that is bound to one of yours; give \`acme-eab\` as kid:hmac`,
    ],
    [
        /:caa\b|CAA record/i,
        'authority',
        ({ domain, host }) => `a CAA record forbids ${host} to issue certificates for ${domain}; add one that allows it, or choose another \`acme-server\``,
    ],
    [
        /rejectedIdentifier|Policy forbids|forbidden by policy/i,
        'authority',
        ({ domain, host }) => `${host} issues no certificate for ${domain} because of its policy; use another name or another \`acme-server\``,
    ],
    [
        /invalidContact|invalid email|contact email|unsupportedContact/i,
        'authority',
        ({ acme, host }) => `${host} does not accept ${acme.email ?? 'an account without an address'}; give another \`email\``,
    ],
    [
        /badNonce|invalid anti-replay nonce/i,
        'authority',
        ({ host }) => `${host} keeps rejecting nonces; the problem is at its end, so run again later`,
    ],
    [
        /Type: +(dns|unauthorized)|TXT record/i,
        'authorityView',
        ({ domain, host, acme }) => acme.dns &&
            `${host} did not see the record of ${domain} that the domain\u2019s name servers showed this server; the record may take longer elsewhere, so run again, and see https://dnsviz.net/d/${domain} for DNSSEC errors`,
    ],
    [
        /NXDOMAIN|SERVFAIL|no valid A records|problem: DNS|Type: +dns/i,
        'authorityView',
        ({ domain, host }) => `${host} can\u2019t resolve ${domain}, though this runner can; a new record takes some time to be seen everywhere, so wait and run again, and see https://dnsviz.net/d/${domain} for DNSSEC errors`,
    ],
    [
        /Type: +connection|Timeout during connect|Fetching http|Error getting validation data/i,
        'authorityView',
        ({ domain, host }) => `${host} can\u2019t reach http://${domain} on port 80, though this runner can; open the firewall for everyone, since the authority asks from several places`,
    ],
    [
        /Type: +unauthorized|Invalid response from http/i,
        'authorityView',
        ({ domain, host }) => `${host} got an answer that is not this server\u2019s from http://${domain}; does the name point somewhere else in other parts of the world, or is a proxy in front?`,
    ],
    [
        /CERTIFICATE_VERIFY_FAILED|certificate verify failed/,
        'trust',
        ({ host }) => `the server does not trust ${host}, whose certificate is from a private authority; give that as \`ca\``,
    ],
    [
        /NameResolutionError|Name or service not known|Temporary failure in name resolution|No address associated/,
        'authority',
        ({ host }) => `the server can\u2019t resolve ${host}; is \`acme-server\` right, and does DNS work on the server (\`getent hosts ${host.replace(/:\d+$/, '')}\`)?`,
    ],
    [
        /Connection refused|Connection reset|Network is unreachable|No route to host|ConnectTimeout|Read timed out|timed out|Max retries exceeded|RemoteDisconnected|Service Unavailable|Bad Gateway|serverInternal|<Response \[5\d\d\]>/i,
        'authority',
        ({ host }) => `${host} does not answer the server, or is down; see its status page, and run again in an hour`,
    ],
    [
        /<Response \[404\]>|Expecting value|JSONDecodeError/,
        'authority',
        ({ host }) => `${host} answers, but not as an ACME server does; is \`acme-server\` the URL of its directory?`,
    ],
    [/No space left on device/, 'diskFull', () => 'the server\u2019s disk is full; free some space and run again'],
];

;// CONCATENATED MODULE: ./build/resources/certificate/certificate.js







/**
 * The certificate of this name, unless it has other domains too. Then it is somebody else's, and replacing it would take those
 * domains from it, so Berth has one of its own beside it.
 */
function readLineage(facts, domain) {
    const usual = readFiles(facts, 'certificate', domain);
    const apart = readFiles(facts, 'certificate.apart', `berth-${domain}`);
    const files = apart.leaf || namesOthers(usual, domain) ? apart : usual;
    return {
        ...files,
        contact: facts.file('certificate.contact'),
        own: facts.get('certificate.own'),
        credential: facts.get('certificate.dns'),
        served: parse(Buffer.from(facts.get('certificate.served'), 'base64')),
        ipv6: facts.is('certificate.ipv6'),
        addresses: readAddresses(facts),
        webroot: otherWebroot(facts, files.name),
        named: facts.get('site.named').split(' ').filter(Boolean).sort(),
        peers: readPeers(facts).flatMap(({ address }) => address || []),
        clock: facts.get('certificate.clock'),
    };
}
/** The other servers of the registry, by their names; an address is empty if this server does not know it. */
function readPeers(facts) {
    return facts
        .get('site.peers')
        .split(' ')
        .filter(Boolean)
        .map(each => {
        const [name = '', address = ''] = each.split('=');
        return { name, address };
    });
}
/** The server's own addresses. */
function readAddresses(facts) {
    return facts.get('certificate.addresses').split(' ').filter(Boolean);
}
function readFiles(facts, fact, name) {
    return {
        name,
        state: facts.get(`${fact}.lineage`),
        leaf: parse(facts.file(`${fact}.chain`)?.content),
        conf: facts.file(`${fact}.conf`),
    };
}
/** Whether a certificate has other domains too, by the certificate itself or, if that is lost, by certbot's settings. */
function namesOthers({ leaf, conf }, domain) {
    const names = leaf ? (leaf.subjectAltName ?? '').split(', ') : mapped(conf?.content ?? '');
    return names.some(name => name !== '' && name !== `DNS:${domain}`);
}
function mapped(conf) {
    const [, map = ''] = conf.split(/^ *\[\[webroot_map\]\]$/m);
    return [...map.matchAll(/^ *([\w.*-]+) = /gm)].map(([, name]) => `DNS:${name}`);
}
/** Only a path that needs no quotes in nginx's configuration. */
function otherWebroot(facts, own) {
    const webroots = facts.get('certificate.webroots').split(';');
    return webroots
        .map(each => /^(.+) (\/[\w./-]*)$/.exec(each))
        .find(match => match && match[1] !== own && match[2] !== berthWebroot)?.[2];
}
/** Makes sure that there is a certificate which nginx can load. `renewal` makes sure that it is the right one and stays valid. */
const certificate = resource({
    name: 'certificate',
    libraries: ['certificate', 'order', 'dns'],
    probe: ({ domain, directory }) => [
        ['certificate_probe', domain, directory, String(Math.floor(Date.now() / 1000))],
    ],
    read: (facts, { domain }) => readLineage(facts, domain),
    failures: (_, { clock }) => clock === 'right'
        ? []
        : [
            new build_failure/* Failure */.HR('clock', `the server\u2019s clock shows ${clock}, more than a day off, so no certificate would be valid there; set it, for instance with \`timedatectl set-ntp true\`, and run again`),
        ],
    steps(desired, seen) {
        const { domain, directory, certificate, acme } = desired;
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
                    changes: change(true, 'restore the live folder from certbot\u2019s archive'),
                    call: ['certificate_restore', seen.name, seen.state],
                },
            ]
            : [
                {
                    ...step,
                    changes: change(false, `order for ${domain}${acme.dns ? `, by DNS (${acme.dns.name})` : ''}`),
                    call: order(desired, seen),
                    // Both take seconds. If the registry does not start, the next run finds the certificate. A registry to adopt is
                    // at work, and is stopped only when everything else is there.
                    ...(desired.adopt ? { after: 'packages' } : { beside: 'registry' }),
                },
            ];
    },
    explain: orderFailure,
});
/** The call that orders a certificate, by one of the functions that take these arguments. */
function order({ domain, acme }, seen, step = 'certificate_order') {
    return [
        step,
        orderWords({ domain, acme }, seen.name),
        acme.ca ?? '',
        challengeConf(domain, seen),
        ...(acme.dns ? [acme.dns.credentials ?? '', rehearsal] : []),
    ];
}
/** The order, as `order_words` reads it. */
function orderWords({ domain, acme }, name) {
    const { server, email, eab, dns } = acme;
    return [domain, name, server, email, eab?.kid, eab?.hmac, dns?.name].map(each => each ?? '-').join(' ');
}
/** The program that stands in for an authority in a rehearsal. */
const rehearsal = (0,shell/* library */.Yv)('resources/certificate/rehearsal.py');
/** The credential as `certificate_own` reports it. */
function credentialSum({ name, credentials }) {
    return credentials === undefined
        ? 'absent'
        : `${name === 'hook' ? '700' : '600'} root:root ${(0,external_node_crypto_.createHash)('sha256').update(credentials).digest('hex')}`;
}
/** Whether a step asks an authority for a certificate. */
function isOrder({ call: [name] }) {
    return name === 'certificate_order' || name === 'renewal_order';
}
/** Whether a step sets a record in DNS, be it only for a rehearsal. */
function setsRecord({ acme }, step) {
    return acme.dns !== undefined && (isOrder(step) || step.call[0] === 'dns_renew');
}
/** Whether a certificate is in its last `days`, or in the last third of its life if that is shorter. */
function due(leaf, days, now) {
    const from = leaf.validFromDate.getTime();
    const to = leaf.validToDate.getTime();
    return to - now < Math.min(days * 24 * 60 * 60 * 1000, (to - from) / 3);
}
/** Reads PEM or DER. */
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
;// CONCATENATED MODULE: ./build/resources/certificate/preflight.js




/** Milliseconds until an address counts as silent, and those in which a wrong answer may still become right. */
const silence = 6_000;
const settling = 3_000;
/** The latter with several servers, each of which must first learn of the others; then, how long one may refuse connections. */
const settlingTogether = 100_000;
const refusingTogether = 30_000;
/** Errors of a machine without IPv6, such as GitHub's hosted runners. */
const noRoute = ['ENETUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'];
const network = { records, anyRecords, port: 80 };
/** Before an order, looks at the server as the certificate authority will: by its name, from outside, on port 80. */
class Preflight {
    #domain;
    #network;
    #several;
    #addresses = [];
    /** `several` says whether the name points to several servers, which pass each other\u2019s challenges on. */
    constructor(domain, own = {}, several = false) {
        this.#domain = domain;
        this.#network = { ...network, ...own };
        this.#several = several;
    }
    /**
     * Returns the addresses of the name. Throws a sentence if there are none, because no order could succeed. `local` are the
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
                throw new build_failure/* Failure */.HR('dns', `the ${kind(address)} record of ${this.#domain} is ${address}, which no certificate authority can reach; make it the server\u2019s public address${here}`);
            }
        }
        this.#local = local;
        return this.#addresses;
    }
    #local = [];
    /** A sentence about where the name points, if not everybody can get there. It does not matter for an order by DNS. */
    async whereabouts() {
        const addresses = await this.#network.anyRecords(this.#domain).catch(() => []);
        if (addresses.length === 0)
            return `${this.#domain} has no address that this runner can find; the certificate does not need one, but clients do`;
        const near = addresses.filter(privateAddress);
        return near.length === 0
            ? undefined
            : `${this.#domain} points to ${near.join(', ')}, which only your own network can reach; with \`acme-dns\` that is fine`;
    }
    /**
     * Looks for the server's token on every address of the name. If it is there, requests it under a second name, which the server
     * waits for. If not, returns a failure that says what is there instead.
     */
    async confirm(token) {
        const path = `/.well-known/acme-challenge/berth-${token}`;
        const looks = await Promise.all(this.#addresses.map(address => this.#look(address, path, token)));
        const found = looks.filter(each => each !== undefined);
        // One of several servers may be down.
        const down = this.#several && found.length < looks.length;
        const failure = (0,build_failure/* joined */.oR)(down ? found.filter(({ topic }) => topic !== 'port80') : found);
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
        const now = Date.now();
        const until = now + (this.#several ? settlingTogether : settling);
        for (;;) {
            try {
                const { status, body } = await this.#get(address, path);
                if (status === 200 && body === token)
                    return undefined;
                if (Date.now() > until) {
                    return new build_failure/* Failure */.HR(own ? 'rival' : 'dns', `${record} points to a web server that answers ${status} instead of this server\u2019s token; ${own ? 'does another site have the same name or `listen` on that address alone, or is something else in front of nginx?' : `point it to this server${server}`}`);
                }
            }
            catch (error) {
                const { code = '', message } = error;
                // Nothing on the way translates IPv6 addresses. This one is the server's own, and more can't be known from here.
                if ((0,external_node_net_.isIP)(address) === 6 && noRoute.includes(code) && own)
                    return undefined;
                const limit = this.#several && code === 'ECONNREFUSED' ? refusingTogether : settling;
                if (Date.now() > now + limit || code === 'ETIMEDOUT') {
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
/** From DNS alone: the authority does not see this machine\u2019s /etc/hosts. */
async function records(name) {
    const resolver = new external_node_dns_.promises.Resolver({ timeout: 5_000, tries: 2 });
    const found = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    const addresses = found.flatMap(each => (each.status === 'fulfilled' ? each.value : []));
    const failed = found.find(each => each.status === 'rejected');
    // One kind of record may be missing. A query that failed must not count as that.
    if (failed && (addresses.length === 0 || !/^(ENODATA|ENOTFOUND)$/.test(failed.reason.code)))
        throw failed.reason;
    return addresses;
}
async function anyRecords(name) {
    return (await external_node_dns_.promises.lookup(name, { all: true })).map(({ address }) => address);
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
const near = new external_node_net_.BlockList();
for (const [net, bits, family] of [
    ['10.0.0.0', 8, 'ipv4'],
    ['172.16.0.0', 12, 'ipv4'],
    ['192.168.0.0', 16, 'ipv4'],
    ['100.64.0.0', 10, 'ipv4'],
    ['fc00::', 7, 'ipv6'],
])
    near.addSubnet(net, bits, family);
function privateAddress(address) {
    return near.check(address, (0,external_node_net_.isIP)(address) === 6 ? 'ipv6' : 'ipv4') || unreachable(address);
}
// Private addresses are not included: a private authority may be in the same network.
function unreachable(address) {
    return nowhere.check(address, (0,external_node_net_.isIP)(address) === 6 ? 'ipv6' : 'ipv4');
}
function kind(address) {
    return (0,external_node_net_.isIP)(address) === 6 ? 'AAAA' : 'A';
}
/** How an address fails to answer: the end of a sentence. */
function silenceOf(code, message) {
    if (noRoute.includes(code))
        return 'can\u2019t be reached from this runner and is not an address of the server';
    if (code === 'ECONNREFUSED')
        return 'refuses connections on port 80';
    if (code === 'ETIMEDOUT')
        return 'does not answer on port 80';
    return `can\u2019t be asked on port 80 (${code || message})`;
}
function timedOut() {
    return Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' });
}

;// CONCATENATED MODULE: ./build/server/facts.js



/** What a server reported: the lines `berth:NAME=VALUE` of the facts script, and nothing that a login file printed. */
class Facts {
    #values;
    #files;
    /** SHA-256 of the answer, in hex. It tells the apply script whether anything has changed since. */
    checksum;
    constructor(lines) {
        this.#values = new Map(lines.map(split));
        this.#files = facts_unpack(this.#values.get('files.seen') ?? '');
        this.checksum = (0,external_node_crypto_.createHash)('sha256')
            .update(lines.map(line => `${line}\n`).join(''))
            .digest('hex');
    }
    /** Reads what the facts script printed. Throws if its last line is missing, because then it did not finish. */
    static parse(output) {
        const lines = output.split('\n').filter(protocol/* isMarker */.rg);
        if (lines.pop() !== (0,protocol/* marker */.xL)('end'))
            throw new build_failure/* Failure */.HR('connectionLost', 'the server\u2019s answer was cut off; run the workflow again');
        return new Facts(lines);
    }
    static of(values) {
        return new Facts(Object.entries(values).map(([name, value]) => (0,protocol/* marker */.xL)(name, value)));
    }
    /** The value of a fact. Throws if the server did not report it. */
    get(name) {
        const value = this.#values.get(name);
        if (value === undefined)
            throw new build_failure/* Failure */.HR('connectionLost', `the server did not say \u201c${name}\u201d; run the workflow again`);
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
            throw new TornFacts();
        return { mode: seen.mode, owner: owner === '%u:%g' ? seen.ids : seen.names, content: seen.content };
    }
}
function split(line) {
    const at = line.indexOf('=');
    return [line.slice((0,protocol/* marker */.xL)('').length, at), line.slice(at + 1)];
}
/** A file changed between two programs of the facts script: somebody is at work on the server, perhaps an earlier run\u2019s script. */
class TornFacts extends build_failure/* Failure */.HR {
    constructor() {
        super('busy', 'somebody changed the server\u2019s files while Berth looked at them; is another workflow at work there? If not, run again');
    }
}
/** Reads the output of `files`, by path. Throws if a file changed between its line and its content. */
function facts_unpack(text) {
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
        throw new TornFacts();
    return files;
}

;// CONCATENATED MODULE: ./build/resources/renewal/timer.js



function readTimer(facts, aws = false) {
    const unit = units.find(each => facts.unit(`${each}.timer`).known) ?? ownUnit;
    const { active, enabled } = facts.unit(`${unit}.timer`);
    return {
        hook: facts.file('renewal.hook'),
        ca: facts.file('renewal.ca'),
        care: facts.file(`renewal.care.${unit}`),
        trust: facts.file(`renewal.trust.${unit}`),
        ...(aws && { aws: facts.file(`renewal.aws.${unit}`) }),
        timer: active && enabled,
    };
}
/** Berth\u2019s own, where certbot came without a timer (pip). */
const ownUnit = 'berth-renewal';
/** In the order of `renewal_unit`: first those that come with certbot, from a package or a snap. */
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
        add(['renewal_care', care], ...change(seen.care !== undefined, 'check what is served after each round'));
    }
    if (acme.ca !== undefined && (seen.ca?.content !== acme.ca || seen.trust?.content !== trust)) {
        add(['renewal_trust', domain, acme.ca, trust], ...change(seen.ca !== undefined, 'trust the private certificate authority'));
    }
    if (acme.ca === undefined)
        steps.push(...distrust(domain, seen));
    const { dns } = acme;
    const aws = awsSettings(domain);
    if (dns?.name === 'route53' && dns.credentials !== undefined && seen.aws?.content !== aws) {
        add(['dns_trust', domain, aws], ...change(seen.aws !== undefined, 'give the timer the credential for route53'));
    }
    if (!seen.timer) {
        add(['renewal_timer', service, timer], ...change(false, 'a timer that renews the certificate'));
    }
    return steps;
}
// certbot runs a hook only once after a renewal. If another site broke nginx\u2019s configuration just then, the old certificate would be
// served until it expires. So the hook checks what is served, and also runs after each round of the timer.
const hook = `#!/bin/sh\n${shell/* notice */.lm}\n${(0,shell/* library */.Yv)('resources/site/reload')}\n${(0,shell/* library */.Yv)('resources/renewal/hook')}`;
// ExecStopPost runs after a failed round too.
// nginx then loads what it could not load at the renewal.
const care = `${shell/* notice */.lm}
[Service]
ExecStopPost=/etc/letsencrypt/renewal-hooks/deploy/berth
`;
// The authorities of `ca`, and the system\u2019s as they are at that time, because the service also renews the server\u2019s other certificates.
const trust = `${shell/* notice */.lm}
[Service]
ExecStartPre=/bin/sh -c 'cat /etc/ssl/certs/ca-certificates.crt /etc/letsencrypt/berth/authorities/*.pem >/run/berth-authorities.pem'
Environment=REQUESTS_CA_BUNDLE=/run/berth-authorities.pem
`;
// Amazon's library knows only the environment, so all certificates of a server share one account.
function awsSettings(domain) {
    const file = credentialFile(domain);
    return `${shell/* notice */.lm}
[Service]
Environment=AWS_CONFIG_FILE=${file} AWS_SHARED_CREDENTIALS_FILE=${file}
`;
}
// As in Debian's own service. The timer already has a random delay.
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
/** The step after which the server's certbot no longer trusts a private authority for this registry. */
function distrust(domain, { ca }) {
    if (ca === undefined)
        return [];
    const summary = 'trust in the private certificate authority';
    return [
        {
            resource: 'renewal',
            changes: [{ action: 'delete', summary }],
            call: ['renewal_distrust', domain],
        },
    ];
}

;// CONCATENATED MODULE: ./build/resources/renewal/renewal.js








/** Makes sure that the certificate is the right one and is served, and that the server renews it by itself. */
const renewal = resource({
    name: 'renewal',
    units: () => timerUnits,
    probe: ({ domain, acme }) => [
        ['renewal_probe', domain],
        ...(acme.dns?.name === 'route53' ? [['renewal_probe_aws', domain]] : []),
    ],
    read: (facts, { domain, acme }) => ({
        ...readTimer(facts, acme.dns?.name === 'route53'),
        lineage: readLineage(facts, domain),
        settings: readSettings(facts.get('renewal.settings')),
    }),
    failures(desired, { lineage, settings }) {
        if (desired.certificate || lineage.leaf)
            return [];
        return renewal_list(settingsFailure(preventing(hindering(settings, desired, lineage)), desired));
    },
    warnings: (desired, { lineage, settings }) => desired.certificate ? [] : renewal_list(settingsFailure(hindering(settings, desired, lineage), desired)),
    steps(desired, seen) {
        const { domain, directory, certificate, acme } = desired;
        if (certificate) {
            const leaf = new external_node_crypto_.X509Certificate(certificate.chain);
            const steps = serve(domain, ownFile(directory), leaf.fingerprint256, seen.lineage);
            return [...steps, ...forget(domain, seen.lineage)];
        }
        const steps = [...timerSteps(desired, seen), ...current(desired, seen.lineage)];
        return acme.dns ? steps : [...steps, ...forget(domain, seen.lineage)];
    },
    explain: orderFailure,
    removal: ({ domain }, seen) => [
        ...forget(domain, seen.lineage),
        ...(seen.hook === undefined
            ? []
            : [
                {
                    resource: 'renewal',
                    changes: [{ action: 'delete', summary: 'the hook that reloads nginx' }],
                    call: ['renewal_unhook', siteFile(domain)],
                },
            ]),
        ...distrust(domain, seen),
    ],
});
function renewal_list(failure) {
    return failure ? [failure] : [];
}
/** The steps to the right certificate. None while there is no certificate at all: `certificate` brings the first one. */
function current(desired, lineage) {
    const { domain, acme, renewBefore } = desired;
    const { leaf, conf } = lineage;
    if (!leaf)
        return [];
    const step = { resource: 'renewal' };
    const now = Date.now();
    const server = setting(conf, 'server');
    const settings = conf && renewed(conf.content, desired);
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
    const dueNow = due(leaf, renewBefore, now);
    if (acme.dns && settings !== undefined) {
        // An order also brings the credential and the settings.
        if (!dueNow)
            steps.push(...byDns(desired, acme.dns, lineage, settings));
    }
    else if (settings !== undefined && settings !== conf?.content) {
        steps.push({
            ...step,
            changes: change(true, 'renew through nginx\u2019s port 80, without stopping it'),
            call: ['renewal_conf', lineage.name, settings],
        });
    }
    const contact = `${acme.server} ${acme.email}\n`;
    if (acme.email !== undefined && lineage.contact?.content !== contact) {
        steps.push({
            ...step,
            changes: change(true, `tell the authority your address, ${acme.email}`),
            call: ['certificate_contact', domain, lineage.name, acme.server, acme.email, acme.ca ?? ''],
        });
    }
    if (dueNow) {
        const until = leaf.validToDate.toISOString();
        steps.push({
            ...step,
            changes: change(true, `renew, because it is only valid until ${until}`),
            call: order(desired, lineage, 'renewal_order'),
        });
    }
    else {
        steps.push(...serve(domain, chainFile(desired, lineage.name), leaf.fingerprint256, lineage));
    }
    return steps;
}
function renewed(content, { domain, acme }) {
    return acme.dns ? renewableByDns(content, domain, acme.dns) : renewable(content, domain);
}
/** The step to settings and a credential that renew by DNS. They are rehearsed, and nothing is ordered. */
function byDns(desired, dns, { name, conf, credential }, settings) {
    const moves = settings !== conf?.content;
    if (!moves && credential === credentialSum(dns))
        return [];
    return [
        {
            resource: 'renewal',
            changes: change(true, moves ? `renew by DNS (${dns.name})` : `replace the credential for DNS (${dns.name})`),
            call: [
                'dns_renew',
                orderWords(desired, name),
                desired.acme.ca ?? '',
                dns.credentials ?? '',
                rehearsal,
                unmeasured(settings),
            ],
        },
    ];
}
function forget(domain, { name, credential }) {
    return credential === 'absent'
        ? []
        : [
            {
                resource: 'renewal',
                changes: [{ action: 'delete', summary: 'the credential for DNS' }],
                call: ['dns_forget', domain, name],
            },
        ];
}
/** The step that makes nginx serve the certificate on disk: certbot reports success even if nginx never loaded it. */
function serve(domain, file, wanted, { served }) {
    return wanted === undefined || served === undefined || served.fingerprint256 === wanted
        ? []
        : [
            {
                resource: 'renewal',
                changes: change(true, 'reload nginx, which serves a different certificate from the one on disk'),
                call: ['certificate_serve', domain, siteFile(domain), file],
            },
        ];
}

;// CONCATENATED MODULE: ./build/resources/packages/packages.js



const programs = ['docker', 'nginx', 'certbot'];
/** The programs that Berth needs: Docker, nginx and certbot. */
const packages_packages = resource({
    name: 'packages',
    probe: ({ acme, certificate }) => {
        const plugin = pluginOf({ acme, certificate });
        return [['packages_probe'], ...(plugin === undefined ? [] : [['packages_probe_plugin', plugin]])];
    },
    read: (facts, desired) => ({
        missing: programs.filter(program => !facts.is(`packages.${program}`)),
        halves: facts.get('packages.halves').split(' ').filter(Boolean),
        apt: facts.is('packages.apt-get'),
        plugin: pluginOf(desired) === undefined ? undefined : facts.get('packages.plugin'),
    }),
    failures({ install, acme }, { missing, apt, plugin }) {
        const name = acme.dns?.name ?? '';
        const [state, ...others] = plugin?.split(' ').filter(Boolean) ?? [];
        if (state === 'lacking')
            return [lacking(name, others)];
        if (state === 'foreign')
            return [foreign(name, others)];
        const lacks = state === 'package' || state === 'unknown' ? [...missing, pluginName(name)] : missing;
        if (lacks.length === 0 || (install && apt))
            return [];
        const list = lacks.join(', ');
        const sentence = install
            ? `the server lacks ${list} and has no apt-get to install them with; install them by hand and run again`
            : `the server lacks ${list}; install them, or let Berth do it with \`install: true\``;
        return [new build_failure/* Failure */.HR('serverProgram', sentence)];
    },
    steps({ acme }, { missing, halves, plugin }) {
        const wanted = acme.dns && (plugin === 'package' || plugin === 'unknown') ? acme.dns.name : undefined;
        if (missing.length === 0 && halves.length === 0 && wanted === undefined)
            return [];
        return [
            {
                resource: 'packages',
                changes: [
                    ...missing.map(program => ({ action: 'create', summary: `install ${program}` })),
                    ...(wanted === undefined ? [] : change(false, `install ${pluginName(wanted)}`)),
                    ...halves.map(name => ({ action: 'update', summary: `finish installing ${name}` })),
                ],
                call: [
                    'packages_install',
                    ...missing.map(program => (program === 'nginx' ? `nginx>=${oldest}` : program)),
                    ...(wanted === undefined ? [] : [`python3-certbot-dns-${wanted}`]),
                ],
            },
        ];
    },
    explain({ acme }, output) {
        const plugins = /^ ?lacking \S+: (.*)$/m.exec(output)?.[1];
        if (plugins !== undefined)
            return lacking(acme.dns?.name ?? '', plugins.split(' ').filter(Boolean));
        const old = /^ ?old nginx (\S+)$/m.exec(output)?.[1];
        if (old !== undefined)
            return new build_failure/* Failure */.HR('serverProgram', `the server\u2019s distribution has nginx ${old}, and ${oldest} is the oldest that works; use a newer release of it, or install nginx from nginx.org, and run again`);
        const removed = /The following packages will be REMOVED:\n((?: .*\n)+)/.exec(output)?.[1];
        if (removed !== undefined && /remove is disabled/.test(output))
            return new build_failure/* Failure */.HR('serverProgram', `that would remove ${removed.trim().split(/\s+/).join(', ')}, which is not Berth\u2019s; remove it or install what is missing by hand, and run again`);
        const unread = /^E: (?:The repository|Failed to fetch) '?([^\s']+)/m.exec(output)?.[1];
        const unfound = /^E: (?:Unable to locate package|Package) '?([\w.+-]+)/m.exec(output)?.[1];
        if (unread !== undefined && unfound !== undefined)
            return new build_failure/* Failure */.HR('serverProgram', `apt finds no package ${unfound} and can\u2019t read all of its sources (${unread}); run \`apt-get update\` on the server, fix what it names, and run again`);
        const locked = /locked by (another process|\S+ process with)|Could not get lock /.test(output);
        if (!locked)
            return undefined;
        return new build_failure/* Failure */.HR('packageManager', `another package manager${holder(output)} has been running on the server for five minutes; wait until it has finished, and run again`);
    },
});
/** The plugin that certbot needs, if any: `hook` is part of certbot itself. */
function pluginOf({ acme, certificate }) {
    return acme.dns && !certificate && acme.dns.name !== 'hook' ? acme.dns.name : undefined;
}
const pluginName = (name) => `certbot\u2019s plugin for ${name}`;
function lacking(name, others) {
    const list = others.length === 0 ? 'nor any other' : `only for ${others.join(', ')}`;
    return new build_failure/* Failure */.HR('dnsRecord', `the server\u2019s distribution has no certbot plugin for ${name}, ${list}; use \`acme-dns: hook\` with a script that sets the record, or one of these`);
}
function foreign(name, others) {
    const list = others.length === 0 ? 'no plugin for DNS' : `plugins only for ${others.join(', ')}`;
    return new build_failure/* Failure */.HR('dnsRecord', `certbot on the server is not the distribution\u2019s and has ${list}; install the one for ${name} the same way as certbot, or use \`acme-dns: hook\``);
}
/** Who has the lock, from the output of dpkg or apt. Newer versions name the program too. */
function holder(output) {
    const [, program, pid] = /locked by (?:another process|(\S+) process) with pid (\d+)/.exec(output) ?? [];
    const [, id = pid, name = program] = /held by process (\d+) \((\S+)\)/.exec(output) ?? [];
    return id === undefined ? '' : ` (${name === undefined ? '' : `${name}, `}process ${id})`;
}

;// CONCATENATED MODULE: ./build/resources/page/page.js





const names = ['index.html', 'page.css', 'page.js'];
/** A page for people: three files, and a service that tells them which images there are. */
const page = resource({
    name: 'page',
    units: ({ domain }) => [`${page_unit(domain)}.service`],
    probe: ({ domain, directory }) => [['page_probe', page_unit(domain), directory]],
    read: (facts, { domain }) => {
        const { active, enabled } = facts.unit(`${page_unit(domain)}.service`);
        return {
            files: facts.get('page.files'),
            socket: facts.is('page.socket'),
            reachable: ['', facts.get('site.group')].includes(facts.get('page.group')),
            script: facts.file('page.script'),
            unit: facts.file('page.unit'),
            serving: active && enabled,
        };
    },
    steps(desired, seen) {
        const { domain, directory } = desired;
        // nginx needs it until the site has changed.
        if (!desired.page)
            return removal(desired, seen).map(step => ({ ...step, after: 'site' }));
        const steps = [];
        const wrong = [
            ...folderChange(directory, seen.files),
            ...names.flatMap(name => fileChange(directory, name, seen.files)),
        ];
        if (wrong.length > 0) {
            const contents = names.flatMap(name => [name, content(name)]);
            steps.push({ resource: 'page', changes: wrong, call: ['page_write', directory, ...contents] });
        }
        const script = `#!/usr/bin/perl\n${shell/* notice */.lm}\n${(0,shell/* library */.Yv)('resources/page/catalog.pl')}`;
        const service = page_serviceUnit(desired);
        const changes = [
            ...fileChanges(`${directory}/catalog.pl`, seen.script, script, '644'),
            ...fileChanges(`${page_unit(domain)}.service`, seen.unit, service, '644'),
            ...(seen.unit && !(seen.serving && seen.socket) ? change(true, `start ${page_unit(domain)}.service`) : []),
            ...(seen.unit && !seen.reachable
                ? change(true, `restart ${page_unit(domain)}.service, which nginx can\u2019t reach`)
                : []),
        ];
        if (changes.length > 0) {
            steps.push({
                resource: 'page',
                changes,
                call: ['page_serve', page_unit(domain), directory, script, service],
            });
        }
        return steps;
    },
    removal,
});
function removal({ domain, directory }, seen) {
    const changes = [
        ...(seen.unit ? [{ action: 'delete', summary: `${page_unit(domain)}.service` }] : []),
        ...(seen.script ? [{ action: 'delete', summary: `${directory}/catalog.pl` }] : []),
        ...(seen.files ? [{ action: 'delete', summary: pageFolder(directory) }] : []),
    ];
    if (changes.length === 0)
        return [];
    return [{ resource: 'page', changes, call: ['page_remove', page_unit(domain), directory] }];
}
/** Whoever may write to the folder may put other files in place of these. One that is missing comes with its files. */
function folderChange(directory, seen) {
    const [, now] = /(?:^|;)\. ([^;]*)/.exec(seen) ?? [];
    const wanted = '755 root:root';
    return now === undefined || now === wanted
        ? []
        : change(true, `${pageFolder(directory)} from ${now} to ${wanted}`);
}
/** These changes have no diff, unlike those of other files: the files are the same for everybody, and nobody edits them. */
function fileChange(directory, name, seen) {
    const lines = seen.split(';');
    const sum = (0,external_node_crypto_.createHash)('sha256').update(content(name)).digest('hex');
    const right = lines.includes(`${name} 644 root:root`) && lines.includes(`${sum}  ${name}`);
    const exists = lines.some(line => line.startsWith(`${name} `));
    return right ? [] : change(exists, `${pageFolder(directory)}/${name}`);
}
function content(name) {
    return (0,shell/* asset */.LY)(`resources/page/${name}`);
}
function page_unit(domain) {
    return `berth-page-${domain}`;
}
/** It runs under the registry's account, which may read the images anyway. It writes nothing but its socket. */
function page_serviceUnit(desired) {
    const { domain, directory } = desired;
    const [uid = '', gid = ''] = account.split(':');
    return `${shell/* notice */.lm}
[Unit]
Description=Tells the page of the registry ${domain} what there is

[Service]
ExecStart=/usr/bin/perl ${directory}/catalog.pl ${catalogSocket(desired)} ${source(desired)} ${uid} ${gid}
Restart=always
RestartSec=1
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_SETGID CAP_SETUID
ProtectSystem=strict
ReadWritePaths=${directory}/run
ProtectHome=read-only
PrivateTmp=yes
PrivateNetwork=yes
MemoryMax=256M
TasksMax=32

[Install]
WantedBy=multi-user.target
`;
}

;// CONCATENATED MODULE: ./build/resources/registry/failure.js


/** What a failed step means, from the output of its programs; `undefined` if only that can say it. `image` is the wanted one. */
function stepFailure(image, output) {
    const bucket = /^the bucket .*$/m.exec(output)?.[0];
    if (bucket !== undefined)
        return new build_failure/* Failure */.HR('bucket', bucket);
    const engine = /^Docker does not start: (.*)$/m.exec(output)?.[1];
    if (engine !== undefined)
        return new build_failure/* Failure */.HR('serverDocker', `Docker does not start on the server (${engine}); fix that until \`systemctl start docker\` succeeds there, and run again`);
    const silence = /^Docker is silent: ?(.*)$/m.exec(output);
    if (silence)
        return new build_failure/* Failure */.HR('serverDocker', `Docker runs on the server but does not answer${silence[1] === '' ? ' within 20 s' : ` (${silence[1]})`}; look at \`journalctl -u docker -n 50\` there, restart it with \`systemctl restart docker\`, and run again`);
    if (/exec: "\/bin\/sh": .*no such file/.test(output))
        return new build_failure/* Failure */.HR('registryStart', 'the image in `registry-image` has no /bin/sh, which opens the registry\u2019s socket to nginx; use an image of registry 2.8 or 3.x that has a shell, such as the official one');
    const ownerless = /^the images in .* knows no owners$/m.exec(output)?.[0];
    if (ownerless !== undefined)
        return new build_failure/* Failure */.HR('registryStart', `${ownerless}; keep them on one that does, such as ext4 or xfs, or mount this one with \`uid=65532,gid=65532,umask=077\``.replace("can't", 'can\u2019t'));
    if (/toomanyrequests|pull rate limit/i.test(output))
        return new build_failure/* Failure */.HR('registryStart', rateLimit(image));
    const full = /^\S+ holds images already; .*$/m.exec(output)?.[0];
    if (full !== undefined)
        return new build_failure/* Failure */.HR('rival', full);
    // Without Docker\u2019s output before it.
    const words = /^the (new )?registry (serves as before|does not start)\b.*/ms
        .exec(output)?.[0]
        .trimEnd()
        .replaceAll('\n', '\n  ');
    return words === undefined ? undefined : new build_failure/* Failure */.HR('registryStart', words);
}
/** What to do about Docker Hub, which limits the pulls of an address, and perhaps of a provider's whole network. */
function rateLimit(image) {
    const [, name = image] = /^(?:docker\.io\/)?(?:library\/)?([^/@]+)(?:@|$)/.exec(image) ?? [];
    const copy = /^registry(:|@|$)/.test(name)
        ? `take a copy that others keep (\`registry-image: public.ecr.aws/docker/library/${name}\`)`
        : 'give an image of another registry as `registry-image`';
    return `${(0,format/* shortReference */.eV)(image)} can\u2019t be pulled because its registry has let this server pull too many images for now; run again in a few hours, ${copy}, or pull it on the server by hand, after \`docker login\` there`;
}
/** Berth does not restart Docker itself, because that stops the server\u2019s other containers for a moment. */
function cutOffFailure() {
    return new build_failure/* Failure */.HR('serverDocker', 'Docker\u2019s rules are gone from the server\u2019s firewall (`nft flush ruleset`, or another firewall\u2019s reload), so containers have no network, and the registry can\u2019t reach its storage or whatever else `registry-config` names; run `systemctl restart docker` there, now and after each such reload (it restarts all containers)');
}

;// CONCATENATED MODULE: ./build/resources/registry/folder.js

/** Whoever may write to a parent of the directory could replace what root runs there, and nginx\u2019s workers must be able to enter it. */
function parentFailure({ path, owner, mode }, directory) {
    const bits = Number.parseInt(mode, 8);
    const choose = 'choose another `directory`, such as /opt/berth';
    if (owner !== '0')
        return [
            new build_failure/* Failure */.HR('folder', `the user ${owner} owns ${path} and could become root through it; make root its owner (\`chown root ${path}\`), or ${choose}`),
        ];
    if ((bits & 0o022) !== 0)
        return [
            new build_failure/* Failure */.HR('folder', `users other than root can write to ${path} and could become root through it; forbid that (\`chmod go-w ${path}\`), or ${choose}`),
        ];
    // Only the registry has to reach images that are elsewhere.
    if ((bits & 0o001) === 0 && `${directory}/`.startsWith(path === '/' ? path : `${path}/`))
        return [
            new build_failure/* Failure */.HR('folder', `nginx can\u2019t get to ${directory}, for ${path} is closed to others; open it (\`chmod o+x ${path}\`), or ${choose}`),
        ];
    return [];
}
/** Reads `UID MODE PATH`. */
function folder_folder(text) {
    const [owner = '', mode = '', path = ''] = text.split(' ');
    return { owner, mode, path };
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
/** A mirror may have the default image only by its tag. An image that the user pinned is never replaced. */
const orByTag = `docker image inspect "$image" >/dev/null 2>&1 || docker pull --quiet "$image" >/dev/null 2>&1 || {
  image=\${image%@*}
  echo "note: $image can\u2019t be pulled by its digest from here, so it is pulled by its tag"
}
`;
/** The file that `update-ca-certificates` writes. Docker would make a folder of one that is not there. */
const generation_trust = `set --
if [ -s /etc/ssl/certs/ca-certificates.crt ]; then
  set -- --volume /etc/ssl/certs/ca-certificates.crt:/etc/berth/authorities.pem:ro --env SSL_CERT_FILE=/etc/berth/authorities.pem
fi
`;
/** Each file on a slow disk may keep a thread waiting. A registry without load has about ten. */
const maxThreads = 2048;
/**
 * The script that starts the registry on a socket, without publishing a port. It is in the folder of its generation, whose name it
 * takes from there. It can be run by hand.
 *
 * A registry that speaks to others trusts whom the server trusts, a company\u2019s own authority too. Its image has only the public ones.
 *
 * The limit of memory is for a registry that goes wrong, and far above what a busy one needs. Layers go through it in pieces of
 * 32 KiB, but to object storage in pieces that wait in memory, some 20 MB for each upload, so 2 GiB allow for a hundred at
 * once. Two generations at once leave the machine a fifth of its memory.
 */
function startScript(desired) {
    const { domain, directory, registry } = desired;
    const [uid] = account.split(':');
    const maxMemory = (0,build_desired/* onDisk */.FC)(desired) ? 1024 : 2048;
    const network = needsNetwork(desired);
    // The environment would override config.yml.
    const secret = hasSecret(desired) ? '' : ` --env-file ${(0,shell/* quote */.hD)(`${directory}/secret.env`)}`;
    return `#!/bin/sh
${shell/* notice */.lm}
folder=$(cd "$(dirname "$0")" && pwd)
generation=\${folder##*/}
image=${(0,shell/* quote */.hD)(registry.image)}
${registry.image === build_desired/* defaultImage */.XS ? orByTag : ''}memory=$(awk '$1 == "MemTotal:" { m = int($2 / 1024 * 0.4); print (m < ${maxMemory} ? m : ${maxMemory}) }' /proc/meminfo)
${network ? generation_trust : ''}exec docker run --detach --name "${container(domain)}-$generation" --label ${(0,shell/* quote */.hD)(`berth.domain=${domain}`)} --restart always \\
  --user "${uid}:$(stat -c %g ${(0,shell/* quote */.hD)(`${directory}/run`)})" --userns host --network ${network ? 'bridge' : 'none'} \\
  --read-only --tmpfs /tmp:size=64m --cap-drop ALL --security-opt no-new-privileges \\
  --memory "\${memory}m" --env GOMEMLIMIT="$((memory * 3 / 4))MiB" --pids-limit ${maxThreads} \\
  --log-driver json-file --log-opt max-size=10m --log-opt max-file=3 \\
 ${secret} --env OTEL_TRACES_EXPORTER=none \\
  --env REGISTRY_HTTP_ADDR="/run/berth/$generation.sock" \\
  --volume "$folder/config.yml:/etc/berth/config.yml:ro" \\
  --volume ${(0,shell/* quote */.hD)(`${directory}/run:/run/berth`)} --volume ${(0,shell/* quote */.hD)(`${directory}/data:/var/lib/registry`)} \\
${network ? '  "$@" \\\n' : ''}\
  --entrypoint /bin/sh "$image" -c 'umask 0007 && exec registry serve /etc/berth/config.yml'
`;
}

;// CONCATENATED MODULE: ./build/resources/registry/registry.js










const dockerUnit = 'docker.service';
/** The registry: generations of a container and its configuration, and the images. */
const registry = resource({
    name: 'registry',
    libraries: ['registry', 'adoption', 'bucket', 'network'],
    units: () => [dockerUnit],
    probe: ({ domain, directory, adopt, registry }) => [
        ['registry_probe', directory, container(domain), domain],
        ['adoption_probe', directory, adopt ? 'wanted' : ''],
        ...(needsNetwork({ registry }) ? [['network_probe', directory]] : []),
    ],
    read(facts, { registry }) {
        const [status = '', restart = ''] = facts.get('registry.container').split(' ');
        const [owner = '', isVoid] = facts.get('registry.domain').split(' ');
        const site = facts.file('site.file')?.content ?? '';
        const place = /server unix:(.*)\/registry\.sock[; ]/.exec(site)?.[1] ?? '';
        const seen = {
            domain: owner,
            abandoned: '',
            place,
            // An older Berth\u2019s site points to a port, and not to what is started now.
            open: place !== '' && serves(site) && !(asks(site) && facts.is('site.loaded')),
            parents: [...new Set(registry_list(facts.get('registry.parents'), ';'))].map(folder_folder),
            generation: facts.get('registry.generation'),
            start: facts.file('registry.start'),
            config: facts.file('registry.config'),
            ...{ status, restart },
            leftovers: registry_list(facts.get('registry.leftovers')),
            secret: facts.is('registry.secret'),
            data: facts.get('registry.data'),
            group: { socket: facts.get('registry.group'), nginx: facts.get('site.group') },
            enabled: facts.unit(dockerUnit).enabled,
            service: facts.unit(dockerUnit).known || !facts.is('packages.docker'),
            published: facts.get('registry.published'),
            predecessors: registry_list(facts.get('registry.predecessors')),
            cutOff: needsNetwork({ registry }) && !facts.is('registry.rules'),
            distrustful: needsNetwork({ registry }) && !facts.is('registry.trust'),
            silent: facts.is('guard.silent'),
        };
        return isVoid === undefined ? seen : { ...seen, ...nothing, abandoned: owner };
    },
    claims(desired, { domain, place }) {
        const { directory } = desired;
        if (domain !== '' && domain !== desired.domain)
            return [
                new build_failure/* Failure */.HR('rival', `${directory} belongs to the registry ${domain}, with its images and users; give ${desired.domain} a \`directory\` of its own, such as ${directory}-${desired.domain}`),
            ];
        if (place !== '' && place !== directory)
            return [
                new build_failure/* Failure */.HR('rival', `the registry ${desired.domain} is in ${place} on this server and not in ${directory}; give \`directory: ${place}\`, or run mode \`down\` with that, move the folder, and run again`),
            ];
        return [];
    },
    failures(desired, { parents, predecessors, service }) {
        const { directory, adopt } = desired;
        return [
            ...(service
                ? []
                : [
                    new build_failure/* Failure */.HR('serverDocker', 'the server has a Docker that is not the service docker.service, such as a snap or podman; replace it with the engine from the server\u2019s distribution or from Docker itself (`apt-get install docker.io`), and run again'),
                ]),
            ...parents.flatMap(parent => parentFailure(parent, directory)),
            ...(adopt && predecessors.length > 1
                ? [
                    new build_failure/* Failure */.HR('rival', `there are several registries to adopt, ${predecessors.join(', ')}; stop all but the right one`),
                ]
                : []),
        ];
    },
    warnings: ({ adopt }, { generation, predecessors, published, cutOff }) => [
        ...(cutOff && generation !== '' ? [cutOffFailure()] : []),
        ...(adopt || generation !== '' || published !== 'absent' || predecessors.length === 0
            ? []
            : [
                new build_failure/* Failure */.HR('rival', `container ${predecessors.join(', ')} on this server is a registry that somebody set up by hand, and Berth starts an empty one beside it; to take over its images and users instead, set \`adopt: true\``),
            ]),
    ],
    steps(desired, seen) {
        const { directory, domain, adopt } = desired;
        const wanted = generation(desired);
        const changes = changesTo(desired, wanted, seen);
        const steps = [];
        if (seen.abandoned !== '') {
            steps.push({
                resource: 'registry',
                changes: [
                    { action: 'delete', summary: `what a first run for ${seen.abandoned} left, which never served` },
                ],
                call: ['registry_abandon', directory, seen.abandoned],
            });
        }
        steps.push(...bucketTrial(desired, seen));
        const [predecessor] = seen.predecessors;
        if (changes.length > 0) {
            const made = [directory, domain, wanted.name, wanted.start, wanted.config];
            steps.push({
                resource: 'registry',
                changes,
                call: adopt && predecessor !== undefined ? ['registry_adopt', ...made] : ['registry_up', ...made],
                // Without a login of its own, it must not serve before nginx asks for passwords.
                ...(isLocked(desired) && seen.open && { after: 'site' }),
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
    explain: ({ registry }, output) => stepFailure(registry.image, output),
    removal({ directory, domain, purge }, seen) {
        const { status, generation, leftovers, published, data } = seen;
        const steps = [];
        if (status !== 'absent' || generation !== '' || leftovers.length > 0 || published !== 'absent') {
            steps.push({
                resource: 'registry',
                changes: [{ action: 'delete', summary: `container ${container(domain)}-${generation}` }],
                call: ['registry_down', directory, container(domain), domain],
            });
        }
        // Never a folder that Berth did not make.
        if (purge && data !== 'absent' && (seen.domain === domain || seen.secret)) {
            steps.push({
                resource: 'registry',
                changes: [{ action: 'delete', summary: `${directory}, with every image and user` }],
                call: ['registry_purge', directory],
            });
        }
        return steps;
    },
});
/** What a registry that never served counts as. */
const nothing = {
    ...{ domain: '', generation: '', start: undefined, config: undefined },
    ...{ status: 'absent', restart: '', leftovers: [], data: 'absent' },
};
/** Whether a site passes requests on. Before the first certificate it has no port 443. */
function serves(site) {
    return /^\s*ssl_certificate /m.test(site);
}
function asks(site) {
    return /^\s*auth_basic_user_file /m.test(site);
}
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
        return [...files, ...change(false, `start ${(0,format/* shortReference */.eV)(registry.image)}`)];
    const reasons = [
        files.some(({ file }) => file) && 'its settings have changed',
        files.some(({ file }) => !file) && 'others could read or change its settings',
        seen.status === 'absent' && 'it is gone',
        !['absent', 'running'].includes(seen.status) && `its state is ${seen.status}`,
        seen.status !== 'absent' && seen.restart !== 'always' && 'it would not restart by itself',
        seen.leftovers.length > 0 && 'an earlier change was cut off',
        !seen.secret && 'its secret is gone',
        seen.data !== account && 'its images belong to another account',
        seen.group.nginx !== '' && seen.group.socket !== seen.group.nginx && 'nginx can\u2019t reach its socket',
        seen.distrustful && 'it does not know yet which authorities the server trusts',
        !seen.enabled && 'Docker does not start with the machine',
    ].filter(reason => typeof reason === 'string');
    return reasons.length === 0
        ? files
        : [
            ...files,
            ...change(true, `replace the container with a new one of ${(0,format/* shortReference */.eV)(registry.image)}, because ${reasons.join(', ')}`),
        ];
}
function registry_list(text, separator = ' ') {
    return text.split(separator).filter(each => each !== '');
}

;// CONCATENATED MODULE: ./build/resources/site/neighbours.js

/** Reads `KIND LISTEN FILE;\u2026`: those that leave no room. A server with several addresses may have one for another site. */
function readNeighbours(text, addresses) {
    const sixes = addresses.filter(each => each.includes(':'));
    const fours = addresses.filter(each => each.includes('.'));
    const alone = [fours, sixes].flatMap(each => (each.length === 1 ? each : []));
    return text
        .split(';')
        .filter(Boolean)
        .map(each => {
        const [kind = '', listen = '', file = ''] = each.split(' ');
        return { kind, listen, file };
    })
        .filter(({ kind, listen }) => {
        if (kind !== 'address')
            return true;
        const host = /^\[(.*)\]|^([^:]*)/.exec(listen)?.slice(1).find(Boolean) ?? '';
        // Here Berth itself asks what is served.
        return alone.includes(host) || listen === '127.0.0.1:443' || listen === 'localhost:443';
    });
}
/** What to do about one that leaves no room. */
function neighbourFailure({ kind, listen, file }) {
    const port = /:443$|^443$/.test(listen) ? '443' : '80';
    const what = `\`listen ${listen}\` in ${file}`;
    switch (kind) {
        case 'dual':
            return new build_failure/* Failure */.HR('port', `${what} takes IPv4 as well (\`ipv6only=off\`), so that nginx can\u2019t have port ${port} for other sites; write \`listen ${port}\` and \`listen [::]:${port}\` there instead, each with its other words, and run again`);
        case 'stream':
            return new build_failure/* Failure */.HR('port', `${what} belongs to a \`stream\`, so that nginx can have no web server on port ${port}; move the stream to another port or the registry to another server, and run again`);
        case 'proxy':
            return new build_failure/* Failure */.HR('port', `${what} has \`proxy_protocol\`, which nginx then wants from the clients of every site on port ${port}; take it away there, or give that site a port or an address of its own, and run again`);
        default:
            return new build_failure/* Failure */.HR('port', `${what} gives all that comes to this address to that site, so that nobody gets to the registry; write \`listen ${port}\` there instead, and run again`);
    }
}

;// CONCATENATED MODULE: ./build/resources/site/site.js








const nginxUnit = 'nginx.service';
/** Berth's own nginx site. */
const site = resource({
    name: 'site',
    libraries: ['site', 'configuration', 'reload', 'peers'],
    units: () => [nginxUnit],
    probe: ({ domain, directory, shared }) => [
        ['site_probe', siteFile(domain), domain, ownFile(directory), Object.keys(optional).join(' ')],
        ['site_peers_probe', directory, ...(shared?.peers ?? [])],
    ],
    read(facts, { domain }) {
        const [rival = '', ...others] = facts.get('site.rival').split(' ');
        const { name, webroot, named, peers } = readLineage(facts, domain);
        const passed = passedTo(facts.file('site.file')?.content ?? '', domain);
        return {
            lineage: name,
            webroot,
            named,
            peers,
            lost: readPeers(facts)
                .filter(({ address }) => address === '')
                .map(({ name }) => name),
            former: passed.filter(each => !peers.includes(each)),
            moved: peers.length >= passed.length,
            trust: facts.file('site.trust'),
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
            neighbours: readNeighbours(facts.get('site.neighbours'), facts.get('certificate.addresses').split(' ')),
            names: Number(facts.get('site.names')) || undefined,
            included: facts.get('site.folder') !== '',
            own: facts.is('site.own'),
            holders: [80, 443].map(port => ({ port, holder: facts.get(`site.port${port}`) })),
        };
    },
    failures({ domain, adopt }, { holders, rival, shared, nginx, neighbours, included, names, running, lost }) {
        const old = nginx !== '' && rank(nginx) < rank(oldest)
            ? [
                new build_failure/* Failure */.HR('serverProgram', `the server\u2019s nginx is ${nginx}, and ${oldest} is the oldest that works; update it`),
            ]
            : [];
        const taken = holders
            .filter(({ holder }) => holder !== '' && holder !== 'program nginx')
            .map(({ port, holder }) => new build_failure/* Failure */.HR('port', `port ${port} is taken by ${holder}, and nginx needs it; stop it or move it to another port`));
        const foreign = !running && holders.some(({ holder }) => holder === 'program nginx')
            ? [
                new build_failure/* Failure */.HR('port', 'an nginx that is not the service nginx.service uses port 80 or 443 (OpenResty, a control panel\u2019s, or one started by hand); stop it for good, or give the registry another server, and run again'),
            ]
            : [];
        const long = names !== undefined && names < bytesFor(domain) ? [longName(domain)] : [];
        const unread = included
            ? []
            : [
                new build_failure/* Failure */.HR('nginx', 'nginx would not read the registry\u2019s site, because its nginx.conf includes neither sites-enabled nor conf.d; add `include /etc/nginx/conf.d/*.conf;` to its `http` block, make that folder, and run again'),
            ];
        // A site that is taken over is removed.
        const staying = neighbours.filter(({ file }) => !adopt || shared || file !== rival);
        const peerless = lost.map(name => new build_failure/* Failure */.HR('servers', `this server finds no address for ${name}, another one of the registry; write one behind it in \`ssh-host\` that the servers reach each other at, as \`${name} 10.0.0.2\``));
        const failures = [
            ...[...old, ...taken, ...foreign, ...long, ...unread, ...peerless],
            ...staying.map(neighbourFailure),
        ];
        if (rival === '' || (adopt && !shared))
            return failures;
        const sentence = shared
            ? `${rival} serves ${domain} together with other names; move ${domain} out of it`
            : `${rival} serves ${domain} already; take it over with \`adopt: true\`, or remove it`;
        return [...failures, new build_failure/* Failure */.HR('rival', sentence)];
    },
    warnings: ({ domain }, { former, moved }) => former.map(address => new build_failure/* Failure */.HR('servers', moved
        ? `${address} is no longer the address of a server of ${domain}; if that was another machine, a registry still runs there with the users, rights and keys of its last run, so remove it with mode \`down\` and its \`ssh-host\` alone`
        : `${address} is no longer listed as a server of ${domain}, and still runs with the users, rights and keys of its last run; remove the registry there, with mode \`down\` and its \`ssh-host\` alone, or put its line back`)),
    check: ({ domain }) => ['site_check', siteFile(domain), domain],
    steps(desired, seen) {
        // Before nginx is installed its version is not known, so the server gets all dialects and takes the one that fits.
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
        const trust = desired.shared && desired.acme.ca;
        const trusting = trust === undefined ? [] : fileChanges(peersTrust(desired.directory), seen.trust, trust, '644');
        if (trust !== undefined && trusting.length > 0) {
            steps.push({ resource: 'site', changes: trusting, call: ['site_trust', desired.directory, trust] });
        }
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
        if (seen.trust && trust === undefined) {
            steps.push(site_distrust(desired.directory));
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
    explain({ domain }, output) {
        if (/could not build (the )?server_names_hash/.test(output))
            return longName(domain);
        const words = /^nginx was told to reload but keeps .*/ms.exec(output)?.[0].trimEnd();
        if (words === undefined)
            return undefined;
        const address = /bind\(\) to (\S+) failed/.exec(words)?.[1];
        return new build_failure/* Failure */.HR(address === undefined ? 'nginx' : 'port', address === undefined
            ? words.replaceAll('\n', '\n  ')
            : `nginx can\u2019t listen on ${address}, because another site or program on the server already does; Berth took its site back, so see which one it is with \`nginx -T | grep listen\` and \`ss -ltnp\`, and run again`);
    },
    removal: ({ domain, directory }, { file, trust }) => [
        ...(file === undefined
            ? []
            : [
                {
                    resource: 'site',
                    changes: [{ action: 'delete', summary: siteFile(domain) }],
                    call: ['site_remove', siteFile(domain)],
                },
            ]),
        ...(trust === undefined ? [] : [site_distrust(directory)]),
    ],
});
function site_distrust(directory) {
    const changes = [{ action: 'delete', summary: peersTrust(directory) }];
    return { resource: 'site', changes, call: ['site_distrust', directory] };
}
/** Bytes that nginx needs for a name: its buckets have a power of two, with a pointer before and after the name. */
function bytesFor(name) {
    const bytes = 16 + Math.ceil((name.length + 2) / 8) * 8;
    return 2 ** Math.ceil(Math.log2(bytes));
}
function longName(domain) {
    return new build_failure/* Failure */.HR('nginx', `${domain} is too long for nginx as it is set; put \`server_names_hash_bucket_size ${bytesFor(domain)};\` into the \`http\` block of /etc/nginx/nginx.conf on the server, and run again`);
}

// EXTERNAL MODULE: ./node_modules/bcryptjs/index.js
var bcryptjs = __webpack_require__(6242);
;// CONCATENATED MODULE: ./build/resources/users/htpasswd.js


/**
 * The file that lets exactly these users in, in their order. A line that is still right is kept byte for byte. Its seal shows that it
 * is right; without one, the password is checked.
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
        // A damaged file may have anything in it, most of which is not a user.
        if (!/^[^#:\0\uFFFD]+:/.test(line))
            continue;
        const subject = printable(name);
        result.revoked.push({ action: 'delete', summary: `revoke ${subject}`, subject });
        if (opens(line))
            result.gone.push(line);
    }
    return result;
}
/** Entries by name. As in nginx, the first line with a name counts. */
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
 * nginx checks the hash for every request, hundreds of times in a push. A password that a machine made from 128 random bits or more
 * can\u2019t be guessed however fast one tries. So it is stored as GitHub and AWS store their tokens, and as NIST SP 800-63B allows
 * for such secrets: salted, with a hash that takes a microsecond. A person\u2019s password needs all the help that it can get: see
 * `cost`.
 */
function hashed({ password, strong }) {
    return strong ? ssha(password, (0,external_node_crypto_.randomBytes)(16)) : (0,bcryptjs/* hashSync */.Y8)(password, cost);
}
/**
 * The cost of bcrypt. nginx\u2019s worker does nothing else while it checks a password: 19 ms at this cost on a core that needs 1.2 ms for
 * cost 4. Each step up takes twice as long, and would slow down everybody else.
 */
const cost = 8;
/** RFC 2307: the SHA-1 of password and salt, and the salt, in base64. It is nginx\u2019s only fast hash with a salt. */
function ssha(password, salt) {
    const digest = (0,external_node_crypto_.createHash)('sha1').update(password).update(salt).digest();
    return `{SSHA}${Buffer.concat([digest, salt]).toString('base64')}`;
}
const sha1Bytes = 20;
const bcrypt = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
/**
 * The costs of bcrypt at which a password is compared with a hash from elsewhere. Another hash counts as one of another password and
 * is replaced: 12 takes half a second, and each step up twice as long, until the run would never end.
 */
const comparable = { min: 4, max: 12 };
function verifies(password, hash) {
    const rounds = bcrypt.exec(hash)?.[1];
    if (rounds !== undefined) {
        return Number(rounds) >= comparable.min && Number(rounds) <= comparable.max && (0,bcryptjs/* compareSync */.Dm)(password, hash);
    }
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
 * A seal shows that a line was made for this password. bcrypt is slow by design, and checking many users who did not change would
 * take seconds in every run.
 *
 * It is an HMAC-SHA256 over name, password and line. SHA-256 is fast, so with the key one could guess passwords far faster than
 * bcrypt allows. But the key is derived from the SSH private key, which has some 256 random bits and is never on the server. Without
 * it a seal looks like random bytes, so whoever steals the file can only try guesses on the bcrypt hashes.
 */
function seal(key, { name, password }, line) {
    return (0,external_node_crypto_.createHmac)('sha256', key)
        .update(JSON.stringify([name, password, line]))
        .digest('base64url');
}
/** Several workflows may share a server, each with its own SSH key. So many of them find their seals. */
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
// A name that a person wrote into the file may have anything in it, even terminal escapes.
function printable(name) {
    return name.replace(/[^\w.@+-]/g, '?');
}

;// CONCATENATED MODULE: ./build/resources/users/users.js




/**
 * Who may log in: exactly those in the `users` input.
 *
 * Nobody must have more rights for a moment than before or after. So users are removed before the site changes, and added after it.
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
                        changes: [{ action: 'delete', summary: 'everybody: nginx no longer asks for passwords' }],
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
                ...(kept.length > 0 && { keeps: `keep ${users_names(kept)}` }),
            });
        }
        if (added.length > 0) {
            steps.push({
                resource: 'users',
                changes: added,
                call: ['users_write', directory, content],
                after: 'site',
                ...(narrowing.length === 0 && kept.length > 0 && { keeps: `keep ${users_names(kept)}` }),
            });
        }
        return steps;
    },
});
/** Whether others than root and nginx may read the file, or nginx may not. Writing it puts that right. */
function isOpen({ mode, owner }, group) {
    return mode !== '640' || (group !== '' && owner !== `root:${group}`);
}
/** The users whose passwords nginx checks; `null` if the registry is open, or checks passwords itself. */
function wanted(desired) {
    return (0,build_desired/* ownAuth */.Lz)(desired) ? null : desired.users;
}
function users_change(action, summary) {
    return [{ action, summary }];
}
/** The users who got a new password by these steps. */
function freshUsers(users, steps) {
    const subjects = new Set(steps
        .filter(({ resource }) => resource === 'users')
        .flatMap(({ changes }) => changes.map(({ subject }) => subject)));
    return users.filter(({ name }) => subjects.has(name));
}
/** If there are more names than this, the rest is only counted. */
const maxNames = 50;
/** The names as a list for the log. */
function users_names(all) {
    const rest = all.length - maxNames;
    return all.slice(0, maxNames).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

;// CONCATENATED MODULE: ./build/resources/resources.js









/** All that Berth owns on a server, each after what it depends on. */
const resources = [
    packages_packages,
    users,
    registry,
    certificate,
    brake,
    page,
    site,
    renewal,
    guard,
];

;// CONCATENATED MODULE: ./build/converge/plan.js





/** The steps from what the server is to what it should be. Throws, naming all that is in the way. */
const planUp = (desired, facts) => plan(desired, facts, resources);
/** Of those steps, the ones that show whether the server can use a new storage. */
const planTrial = (desired, facts) => ({
    steps: planUp(desired, facts).steps.filter(step => step.resource === 'packages' || isTrial(step)),
    warnings: [],
});
/** The steps that keep the certificate valid. Everything else on the server is left to `up`. */
const planRenewal = (desired, facts) => plan(desired, facts, [certificate, renewal]);
/** The steps that take the registry away: the last that was built goes first. */
const planDown = (desired, facts) => {
    const looks = resources.toReversed().map(resource => resource.look(desired, facts));
    const failure = (0,build_failure/* joined */.oR)(looks.flatMap(({ claims }) => claims));
    if (failure)
        throw failure;
    return { steps: looks.flatMap(look => look.removal()), warnings: [] };
};
function plan(desired, facts, resources) {
    const looks = resources.map(resource => resource.look(desired, facts));
    const failure = (0,build_failure/* joined */.oR)(looks.flatMap(({ claims, failures }) => [...claims, ...failures]));
    if (failure)
        throw failure;
    return {
        steps: inOrder(looks.flatMap(look => look.steps())),
        warnings: looks.flatMap(({ warnings }) => warnings),
    };
}
/** Moves each step with `after` behind the steps of that resource. */
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
/** What a failed step means; `undefined` if its resource can't say it better than the programs did. */
function plan_explain(desired, { resource }, output) {
    return resources.find(({ name }) => name === resource)?.explain?.(desired, output);
}

;// CONCATENATED MODULE: ./build/converge/apply-log.js





/** Lines of a failed program that are worth showing. */
const lastLines = 5;
/** Reads what the apply script prints: lines of the protocol, with the output of programs between them. */
class ApplyLog {
    #desired;
    #steps;
    #listener;
    #preflight;
    /** When each running step began. */
    #running = new Map();
    /** The steps that failed, with the output of their programs. Two steps that run at the same time may both fail. */
    #failed = [];
    #output = { words: [] };
    #busy;
    #undone = false;
    /** The look at the server from outside that it asked for. */
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
                this.#output.full = new build_failure/* Failure */.HR('diskFull', `the server\u2019s disk is full: ${value}. Delete what is not needed, or enlarge the disk, and run again`);
                break;
            case 'say':
                this.#listener.said(value);
                break;
            case 'busy':
                this.#busy = (0,failure/* busyFailure */.Gj)(value);
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
        return full ?? unreachable ?? plan_explain(this.#desired, step, words.join('\n'));
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
        ? ' without any output; run the workflow again with debug logging'
        : `; the server said:${lines.join('')}`;
}
function summaries({ changes }) {
    return changes.map(({ summary }) => summary).join(', ');
}

;// CONCATENATED MODULE: ./build/converge/scripts.js




const libraries = [
    'server/protocol',
    'server/facts',
    ...resources.flatMap(({ name, libraries = [name] }) => libraries.map(each => `resources/${name}/${each}`)),
];
/** The read-only script whose answer `Facts.parse` reads. */
function factsScript(desired) {
    return (0,shell/* compose */.Zz)(libraries, [...probes(desired), `echo ${(0,protocol/* marker */.xL)('end')}`]);
}
/** The script that takes the steps. Once it has the lock, it first checks that the facts still hold. */
function applyScript(desired, facts, steps) {
    const checks = resources.flatMap(resource => (resource.check ? [resource.check(desired)] : []));
    return (0,shell/* compose */.Zz)(['server/apply', ...libraries], [
        'look() {',
        ...probes(desired),
        '}',
        `DISKS=${(0,shell/* quote */.hD)(['/', '/etc', '/etc/letsencrypt', '/run', '/var', '/var/lib/docker', desired.directory].join(' '))}`,
        `lock ${failure/* lockSeconds */.H_}`,
        `still ${facts.checksum} look`,
        ...checks.map(call => (0,shell/* line */.n8)(['step', '0', ...call])),
        ...steps.map(({ resource, call }, index) => {
            const waits = steps[index + 1]?.beside !== resource;
            return (0,shell/* line */.n8)([waits ? 'step' : 'begin', `${index + 1}`, ...call]);
        }),
        'tell end ok',
    ]);
}
/** How many resources are looked at at the same time. More of them would start more programs to pass lines on than they save. */
const lanes = 4;
/**
 * Looks at several resources at once, because starting programs takes most of the time. It is a pipeline: each lane prints what
 * its probes have seen, and then passes on the output of those before it, so that lines never get mixed. `files` comes last.
 */
function probes(desired) {
    const units = resources.flatMap(resource => resource.units?.(desired) ?? []);
    const calls = [
        ['units_probe', ...units],
        ...resources.flatMap(resource => resource.probe(desired)),
    ].map(shell/* line */.n8);
    const [first = [], ...others] = Array.from({ length: lanes }, (_, lane) => calls.filter((_, index) => index % lanes === lane));
    const passing = others.map(each => ['{ {', ...each, '} </dev/null; cat; }'].join('\n'));
    return [[['{', ...first, '}'].join('\n'), ...passing, 'files'].join(' |\n')];
}

;// CONCATENATED MODULE: ./build/converge/converge.js







/** How often a run looks at the server if another run keeps changing it. */
const attempts = 3;
/**
 * Looks at the server and says which steps are missing. What an earlier run left at work there, cut off from its runner, may change
 * a file at that very moment; then it looks again.
 */
async function look(server, desired, planner) {
    for (let attempt = 1;; attempt++) {
        const answer = await server.run(factsScript(desired));
        try {
            const facts = Facts.parse(answer);
            return { facts, ...planner(desired, facts) };
        }
        catch (error) {
            if (!(error instanceof TornFacts) || attempt === attempts)
                throw error;
        }
    }
}
/**
 * Throws, before anything is changed, if a step would ask an authority for a certificate and the name points nowhere. With an
 * order by DNS the name may point anywhere, and the server itself checks the rest.
 */
async function foresee(preflight, { acme }, facts, steps, said) {
    if (!steps.some(isOrder))
        return;
    if (!acme.dns) {
        await preflight.resolve([...readAddresses(facts), ...readPeers(facts).map(({ address }) => address)]);
        return;
    }
    const where = await preflight.whereabouts();
    if (where !== undefined)
        said(where);
}
/**
 * Makes the server what it should be, and returns the steps that it took: none if nothing had to change. `first` is a look at it that was
 * just taken.
 */
async function converge(server, desired, planner, listener, first) {
    const preflight = new Preflight(desired.domain, {}, desired.shared !== undefined);
    for (let attempt = 1; attempt <= attempts; attempt++) {
        const { facts, steps, warnings } = await ((attempt === 1 && first) || look(server, desired, planner));
        listener.looked?.(facts);
        if (attempt === 1)
            warnings.forEach(listener.warned);
        listener.planned(steps, false);
        if (steps.length === 0)
            return steps;
        await foresee(preflight, desired, facts, steps, listener.said);
        const log = new ApplyLog(desired, steps, listener, preflight);
        const apply = () => server.run(applyScript(desired, facts, steps), line => log.hear(line));
        const output = await (sharesRecord(desired, steps) ? queued(apply, listener.said) : apply());
        if (log.stale) {
            listener.said('another run changed the server in the meantime; looking again');
            continue;
        }
        if ((0,protocol/* lastMarker */.zK)(output, 'end') === undefined)
            throw await log.failure();
        return log.taken;
    }
    throw new build_failure/* Failure */.HR('busy', 'the server keeps changing while Berth looks at it; is another workflow at work there?');
}
/** Whether a step sets the record in DNS that other servers of the registry set too. */
function sharesRecord(desired, steps) {
    return desired.shared !== undefined && steps.some(step => setsRecord(desired, step));
}
/** Those of this run\u2019s servers that set the record, or wait to: how many there are, and the last of them. */
const queue = { length: 0, last: Promise.resolve() };
/** Does work for one server after the other: some providers keep only the newest values of a record. */
async function queued(work, said) {
    if (queue.length > 0)
        said('waiting for another server, which sets the same record in DNS');
    queue.length += 1;
    const turn = queue.last.then(work);
    const end = () => {
        queue.length -= 1;
    };
    queue.last = turn.then(end, end);
    return turn;
}

;// CONCATENATED MODULE: ./build/modes/down.js




/** Takes the registry and its site away; images, users and certificates stay unless `purge` says otherwise. */
async function down(inputs, context) {
    const { done, failed } = await context.group(serversTitle(inputs), () => onServers(inputs, context, ({ server, desired, listener, plans }) => converge(server, desired, plans(planDown), listener)));
    const failure = (0,build_failure/* joined */.oR)(failed.map(({ failure }) => failure));
    return {
        domain: inputs.desired.domain,
        steps: done.flatMap(({ result }) => result),
        applied: true,
        pushed: [],
        ...(failure && { failure }),
    };
}

// EXTERNAL MODULE: ./node_modules/diff/libesm/patch/create.js + 2 modules
var create = __webpack_require__(7291);
;// CONCATENATED MODULE: ./build/report/diff.js

/**
 * A unified diff of a text file that Berth writes, for the log and for pull requests. A person may have put a password in a comment
 * or an option of the file that was there before. So a line is shown only if Berth wrote it. Of the others the diff shows only
 * that they exist. Berth's own config.yml may have secrets from `registry-config`, so its values are shown only for keys that
 * are known to be harmless.
 */
function diff({ path, before, after }) {
    const own = new Set(after.split('\n'));
    const shown = (text) => (path.endsWith('/config.yml') ? withoutValues(text) : text).split('\n');
    const is = shown(after).join('\n');
    const all = before.split('\n');
    const was = shown(before)
        .map((line, index) => (own.has(all[index] ?? '') ? line : diff_hidden(line)))
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
/** A line that is not Berth's: its indentation, without its text. */
function diff_hidden(line) {
    return line.trim() === '' ? line : `${/^\s*/.exec(line)?.[0] ?? ''}[not shown]`;
}
/** Keys of the registry's configuration whose values are never secret. */
const harmless = new Set(('version log level formatter disabled storage filesystem rootdirectory maxthreads cache blobdescriptor delete enabled ' +
    'redirect disable maintenance uploadpurging age interval dryrun readonly http net addr relativeurls draintimeout headers ' +
    'X-Content-Type-Options health storagedriver threshold s3 bucket region regionendpoint forcepathstyle secure v4auth ' +
    'chunksize encrypt storageclass validation proxy remoteurl ttl notifications endpoints timeout backoff').split(' '));
/** The text of a config.yml, with values only where they are known to be harmless. */
function withoutValues(text) {
    // A value of several lines goes on for as long as they are indented further than its key. Any of them may look like a setting.
    let column = Number.POSITIVE_INFINITY;
    const lines = text.split('\n').map(line => {
        const [indent = ''] = /^\s*/.exec(line) ?? [];
        if (line.trim() === '')
            return line;
        if (indent.length > column)
            return diff_hidden(line);
        const [, start = indent, key = '', value = line] = /^(\s*(?:- )?)([\w.-]+):(.*)$/.exec(line) ?? [];
        column = value === '' ? Number.POSITIVE_INFINITY : start.length;
        if (key === '')
            return /^\s*- nosniff$/.test(line) ? line : diff_hidden(line);
        // A URL such as `remoteurl` may have a password in it, before an @.
        return value === '' || (harmless.has(key) && !value.includes('@')) ? line : `${start}${key}: [not shown]`;
    });
    return lines.join('\n');
}

;// CONCATENATED MODULE: ./build/report/github.js
/** Milliseconds after which GitHub counts as down. */
const github_timeout = 60_000;
/** GitHub\u2019s API, the parameters of every route below `/repos`, and the login that the token belongs to: what it wrote is Berth\u2019s. */
async function connect({ name, api, token }) {
    const { getOctokit } = await __webpack_require__.e(/* import() | github */ "github").then(__webpack_require__.bind(__webpack_require__, 2413));
    const octokit = getOctokit(token, { baseUrl: api });
    // As an option it would take the place of all defaults of a request, among which is the way through the runner\u2019s proxy.
    const signal = AbortSignal.timeout(github_timeout);
    octokit.hook.before('request', options => {
        options.request.signal = signal;
    });
    const [owner = '', repo = ''] = name.split('/');
    // A workflow's own token can't read `/user`. This query works, and answers `github-actions[bot]`.
    const { viewer } = await octokit.graphql('{ viewer { login } }');
    return { octokit, repository: { owner, repo }, login: viewer.login };
}
/** Pages of a hundred entries that are searched at most. */
const depth = 10;
/** The first entry of a list for which `is` returns true. */
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
/** Whether GitHub has this text already. It may return it with other line endings. */
function isSame(there, text) {
    return there?.replaceAll('\r', '').trimEnd() === text.trimEnd();
}

;// CONCATENATED MODULE: ./build/report/outcome.js


const symbols = { create: '+', update: '~', delete: '-' };
function planLine(resource, { action, summary }) {
    return `${symbols[action]} ${resource}: ${summary}`;
}
/** The resource that a step changes, after its server\u2019s name if there are several. */
function place({ server, resource }) {
    return server === undefined ? resource : `${server} ${resource}`;
}
/** The `plan` output. */
function planJson(steps) {
    return JSON.stringify(steps.flatMap(({ server, resource, changes }) => changes.map(({ action, summary }) => ({ ...(server && { server }), resource, action, summary }))));
}
/** The pushed images as references with digests, for a deploy step. */
function references({ domain, pushed }) {
    return pushed.map(({ repository, digest }) => `${domain}/${repository}@${digest}`);
}
/** The last line of the log. `milliseconds` is what the run took. */
function closing({ domain, steps, applied, looked, certificate, pushed, loggedIn, retention, collected }, now, milliseconds) {
    const changes = steps.flatMap(({ changes }) => changes).length;
    const parts = [
        ...(looked === false || collected
            ? []
            : [changes === 0 ? 'nothing changed' : `${(0,format/* count */.U9)(changes, 'change')} ${applied ? 'made' : 'to make'}`]),
        ...(certificate
            ? [`certificate valid for ${(0,format/* count */.U9)((0,format/* daysUntil */.AQ)(certificate.validToDate, now), 'day')}`]
            : []),
        ...imagesLine(pushed),
        ...cleaning(retention, collected),
        ...(loggedIn === undefined ? [] : [`logged in as ${loggedIn}`]),
        (0,format/* duration */.p0)(milliseconds),
    ];
    return `${domain}: ${parts.join(', ')}`;
}
/** How many images were pushed, and how many were there already. */
function imagesLine(images) {
    const known = images.filter(each => each.known).length;
    const pushed = images.length - known;
    if (images.length === 0)
        return [];
    if (known === 0)
        return [`${(0,format/* count */.U9)(pushed, 'image')} pushed`];
    if (pushed === 0)
        return [`${(0,format/* count */.U9)(known, 'image')}, all of ${known === 1 ? 'it' : 'them'} there already`];
    return [`${(0,format/* count */.U9)(pushed, 'image')} pushed and ${known} there already`];
}

;// CONCATENATED MODULE: ./build/report/comment.js






/** Characters for the plan. GitHub takes 65,536 in one comment, including the mark and the note. */
const comment_room = 65_536 - 1_000;
/** Characters of these for the list of changes. The rest is for the diffs of files. */
const roomForList = 20_000;
/**
 * Keeps one comment on a pull request that says what `up` would do to the server of `domain`. It is recognized by an invisible mark at
 * its beginning and by its author, because anybody can write such a mark. The plan of a workflow that cleans up has a mark of its own,
 * so that it and the plan of the one that sets up don't overwrite each other. Returns what was done; `undefined` if nothing was.
 */
async function keepComment(to, pull, domain, cleans, text) {
    const { octokit, repository, login } = await connect(to);
    const mark = `<!-- berth plan ${domain}${cleans ? ' keep' : ''} -->`;
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
/**
 * The plan in Markdown: every change, a folded diff of each text file, and what `keep` means, or why that can\u2019t be told. What is too
 * long is only in the log.
 */
function planComment(domain, steps, retention) {
    const images = retention === undefined ? '' : `\n${imagesPart(retention)}`;
    if (steps.length === 0)
        return `${title(domain)}There is nothing to do: the server is as it should be.\n${images}`;
    const lines = steps.flatMap(step => [
        ...step.changes.map(change => planLine(place(step), change)),
        ...(step.keeps ? [`= ${place(step)}: ${step.keeps}`] : []),
    ]);
    const list = shortened(lines, roomForList);
    const details = steps
        .flatMap(({ changes }) => changes)
        .flatMap(({ file }) => file ? [folded(file.path, fenced(diff(file).replace(/^ {2}/gm, ''), 'diff'))] : []);
    let text = `${title(domain)}Mode \`up\` would change this:\n\n${fenced(list.join('\n'), 'diff')}`;
    let missing = lines.length - list.length;
    const note = 'The plan is too long for a comment; the log of the step has all of it.\n';
    for (const each of details) {
        if (text.length + each.length + images.length <= comment_room)
            text += each;
        else
            missing += 1;
    }
    return (missing > 0 ? `${text}\n${note}` : text) + images;
}
function imagesPart(retention) {
    return retention instanceof build_failure/* Failure */.HR
        ? `Mode \`clean\` would delete nothing:\n\n${fenced(retention.message.slice(0, roomForList))}`
        : retentionComment(retention, comment_room / 2);
}
/** Says that there is no plan, in place of an older plan that may no longer be true. */
function failureComment(domain, failure) {
    return `${title(domain)}There is no plan:\n\n${fenced(failure.slice(0, roomForList))}`;
}
function title(domain) {
    return `## \u2693 ${domain}\n\n`;
}
/** As many of the lines as fit. */
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

;// CONCATENATED MODULE: ./build/modes/context.js


/** Keeps connections to the registry open while `work` runs. */
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
 * Writes on GitHub, if there is a token. `work` returns what it did. Failing to write is only a warning, because it must not
 * hide the state of the server.
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
        // Where nobody answers, the toolkit says 500 too.
        const { message, status = 0 } = error;
        const advice = status >= 500
            ? `is GitHub at work, and does this runner reach ${github.api}, by HTTPS_PROXY if it has to? The next run tries again`
            : status === 422
                ? 'GitHub refuses the text; report this as a bug, please'
                : `does \`github-token\` have \`${permission}: write\`? (In a pull request from a fork it never has.)`;
        listener.warned(new build_failure/* Failure */.HR('github', `${what} can\u2019t be updated: ${message}; ${advice}`));
    }
}

;// CONCATENATED MODULE: ./build/modes/plan.js










/** Says what `up` would change, also in a comment on the pull request. */
async function plan_plan(inputs, context) {
    const { retention, ...outcome } = await foretell(inputs, context);
    // The comment has both by now: what `up` would do, and why `clean` would do nothing.
    if (retention instanceof build_failure/* Failure */.HR)
        throw retention;
    return { ...outcome, ...(retention && { retention }) };
}
async function foretell(inputs, context) {
    const { domain } = inputs.desired;
    try {
        const { done, failed, retention } = await lookAtAll(inputs, context);
        for (const { one, result } of done)
            one.listener.planned(result.steps, true);
        if (retention && !(retention instanceof build_failure/* Failure */.HR))
            for (const each of retentionLines(retention, false))
                context.listener.said(each);
        for (const { one, result } of done) {
            result.warnings.forEach(one.listener.warned);
            await foresee(new Preflight(domain), one.desired, result.facts, result.steps, one.listener.said);
        }
        const failure = (0,build_failure/* joined */.oR)(failed.map(({ failure }) => failure));
        if (failure)
            throw failure;
        const steps = done.flatMap(({ result }) => result.steps);
        await comment(inputs, context, planComment(domain, steps, retention));
        return { domain, steps, applied: false, pushed: [], retention };
    }
    catch (error) {
        // The plan of an earlier commit may no longer be true.
        if (!context.cancelled.aborted) {
            await comment(inputs, context, failureComment(domain, (0,build_failure/* asFailure */.h_)(error).message));
        }
        throw error;
    }
}
/** Each server, and what `keep` means for the images, which all of them have, or why that can\u2019t be told. */
async function lookAtAll(inputs, context) {
    const { keep } = inputs;
    const { servers } = context;
    const work = ({ server, desired, plans }) => look(server, desired, plans(planUp));
    if (keep === undefined)
        return onServers(inputs, context, work);
    try {
        const worked = await onServers(inputs, context, async (one) => ({
            looked: await work(one),
            log: servers.length > 1 ? await logOf(one, keep) : undefined,
        }), true);
        const done = worked.done.map(({ one, result: { looked } }) => ({ one, result: looked }));
        const { failed } = worked;
        // What clients do at one that can\u2019t be reached is not known, and `clean` would delete nothing.
        if (failed.length > 0)
            return { done, failed };
        // One that is new has no registry yet.
        const reader = worked.done.find(({ result: { log } }) => log !== undefined) ?? worked.done[0];
        const others = worked.done.flatMap(({ one, result: { log } }) => log === undefined || one === reader?.one ? [] : [log]);
        const retention = reader &&
            (await foreseeRetention(reader.one.server, inputs, gather(others), reader.result.looked.steps.some(({ resource }) => resource === 'registry')).catch((error) => {
                if (error instanceof build_failure/* Failure */.HR && !context.cancelled.aborted)
                    return error;
                throw error;
            }));
        return { done, failed, retention };
    }
    finally {
        await Promise.all(servers.map(server => server.close()));
    }
}
/** `undefined` where there is no registry yet. */
async function logOf({ server, desired }, keep) {
    try {
        return await readLog(server, desired, keep);
    }
    catch (error) {
        if (error instanceof build_failure/* Failure */.HR && error.topic === 'noRegistry')
            return undefined;
        throw error;
    }
}
async function comment(inputs, context, text) {
    const pull = context.github?.pull;
    if (pull === undefined)
        return;
    await onGitHub(inputs, context, 'the comment with the plan', 'pull-requests', repository => keepComment(repository, pull, inputs.desired.domain, inputs.keep !== undefined, text));
}

// EXTERNAL MODULE: external "node:fs"
var external_node_fs_ = __webpack_require__(3024);
// EXTERNAL MODULE: external "node:path"
var external_node_path_ = __webpack_require__(6760);
;// CONCATENATED MODULE: ./build/publish/failure.js




/** The server has no space for the upload. */
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
/** Turns what a client or the registry said into a failure with the next action. */
function pushFailure(said, { domain, repository, user, client }) {
    const there = `${domain}/${repository}`;
    const quoted = said.replace(/\s+/g, ' ').slice(0, 300);
    // A proxy's whole page may be in it.
    const words = withoutNames(said.slice(0, 10_000), domain, repository);
    // skopeo unpacks an archive before it sends anything.
    if (/no space left/i.test(words) && /initializing source|untar|\/var\/tmp\/|TMPDIR/i.test(words))
        return new build_failure/* Failure */.HR('diskFull', `this runner\u2019s disk is full, so the archive for ${there} can\u2019t be unpacked; delete what the job no longer needs, or set TMPDIR to a larger disk (${quoted})`);
    if (/no space left|"?Err"?:\s*28\b/i.test(words))
        return new DiskFull(`the server\u2019s disk is full, so ${there} can\u2019t be pushed`);
    const status = statusIn(words);
    if (status === 413 || /entity too large/i.test(words)) {
        return new TooLarge(`a proxy in front of ${domain} refuses an upload of this size for ${there} (413); raise its limit (\`client_max_body_size 0\` in nginx), push with \`push-through: ssh\`, or point the name straight at the server`);
    }
    const ownProxy = ownProxyFailure(words, quoted, domain, client);
    if (ownProxy)
        return ownProxy;
    const proxied = status === undefined ? undefined : proxyFailure(domain, status);
    if (proxied)
        return proxied;
    if (status === 401 ||
        status === 403 ||
        /denied|unauthorized|authentication required|no basic auth|forbidden/i.test(words)) {
        return new build_failure/* Failure */.HR('pushRights', `\`${user ?? 'anonymous'}\` may not push to ${there}; allow it in \`access\`, or choose another \`push-user\` (${quoted})`);
    }
    if (/x509|certificate/i.test(words)) {
        return new build_failure/* Failure */.HR('trust', `this runner\u2019s ${client} does not trust the certificate that ${domain} shows; does the name point to this server from the runner? A private authority is given as \`ca\` (${quoted})`);
    }
    if (/no such host|server misbehaving/i.test(words))
        return new build_failure/* Failure */.HR('dns', `this runner\u2019s ${client} can\u2019t resolve ${domain}; look at its DNS settings (${quoted})`);
    if (isTransient(words))
        return new Transient('push', `${there} could not be pushed: ${quoted}`);
    return new build_failure/* Failure */.HR('push', `${client} can\u2019t push ${there}: ${quoted}`);
}
/**
 * What was said, without the names in it: a word in that of `team/certificate-service` or of a tag says nothing about what went
 * wrong. A repository may be called as any word, so it counts as a name only where one stands.
 */
function withoutNames(said, domain, repository) {
    const name = `${(0,format/* literal */.eu)(repository)}(?![\\w-]|\\.\\w)`;
    const before = repository.includes('/')
        ? '(?<![\\w.-])'
        : '(?<=/v2/|DOMAIN/|127\\.0\\.0\\.1:\\d+/|\\bName:)';
    return (0,format/* withoutDomain */.t7)(said, domain)
        .replace(/\b((?:oci|oci-archive|docker-archive):)[^\s"]*[^\s":]/g, '$1SOURCE')
        .replace(new RegExp(before + name, 'g'), 'REPOSITORY')
        .replace(/(?<=REPOSITORY:|\/manifests\/)[\w.-]*\w/g, 'TAG')
        .replace(/\bmanifest [\w.-]*\w(?= to DOMAIN)/g, 'manifest TAG');
}
/** Words of a client that goes through the runner\u2019s own proxy, in vain. The proxy\u2019s answer to CONNECT is all that Go tells of it. */
function ownProxyFailure(words, quoted, domain, client) {
    const refused = /"https?:\/\/[^"\s]+": (Forbidden|Proxy Authentication Required|Bad Gateway|Service Unavailable|Gateway Time-?out)\s*$/im;
    if (!/proxyconnect/i.test(words) && !refused.test(words))
        return undefined;
    return new build_failure/* Failure */.HR('proxy', `this runner\u2019s ${client} goes to ${domain} through a proxy that does not reach it; add ${domain} to its \`no-proxy\`, for Docker in /etc/docker/daemon.json or its unit\u2019s environment (${quoted})`);
}
/** The same for what `docker login` said. */
function loginFailure(said, { domain, user }) {
    const quoted = said.replace(/\s+/g, ' ').slice(0, 300);
    const words = (0,format/* withoutDomain */.t7)(said, domain);
    const start = `this runner\u2019s Docker can\u2019t be logged in to ${domain} as \`${user}\``;
    const ownProxy = ownProxyFailure(words, quoted, domain, 'Docker');
    if (ownProxy)
        return ownProxy;
    if (/saving credentials|credential/i.test(words))
        return new build_failure/* Failure */.HR('runnerLogin', `${start}, because its credential helper does not accept the password; correct \`credsStore\` in its config.json, or give the job a DOCKER_CONFIG of its own (${quoted})`);
    if (/x509|certificate/i.test(words))
        return new build_failure/* Failure */.HR('trust', `${start}, because it does not trust the certificate; give a private authority as \`ca\`, and check where DOCKER_HOST points (${quoted})`);
    if (/not found|No such file/i.test(words) && /docker/.test(words) && !/https?:/.test(words))
        return new build_failure/* Failure */.HR('runnerProgram', `this runner has no Docker to log in; install it, or omit \`login\``);
    if (isTransient(words))
        return new Transient('runnerLogin', `${start}: ${quoted}`);
    return new build_failure/* Failure */.HR('runnerLogin', `${start}; does a step with \`docker login ${domain}\` work there? (${quoted})`);
}
/** The status of an answer, as clients and Berth itself tell it. Any other number may be a tag. */
function statusIn(words) {
    const told = /(?:^|\bstatus(?: ?code)?:? (?:from registry )?|\bHTTP(?:\/[\d.]+)? |answered with )([1-5]\d\d)\b/i.exec(words)?.[1];
    return told === undefined ? undefined : Number(told);
}
function isTransient(words) {
    const status = statusIn(words) ?? 0;
    if (status === 429 || status >= 500)
        return true;
    return /too ?many ?requests|connection (reset|refused)|broken pipe|\bEOF\b|time(d )?out|deadline exceeded|closed network|blob upload (unknown|invalid)|unknown blob|service unavailable|bad gateway|hang up|ECONNRESET|ECONNREFUSED|ETIMEDOUT|EPIPE/i.test(words);
}

;// CONCATENATED MODULE: ./build/publish/image.js


/** A limit, because a registry could name any number. No real image has as many. */
const maxPlatforms = 1000;
/** Reads about an image in the registry; `undefined` if that fails, because a push need not fail for it. */
async function portray(registry, repository, digest) {
    try {
        const manifest = await registry.manifest(repository, digest);
        if (!manifest || manifest.manifests.length > maxPlatforms)
            return undefined;
        const children = await Promise.all(manifest.manifests.map(({ digest }) => registry.manifest(repository, digest)));
        const blobs = [manifest, ...children].flatMap(each => each?.blobs ?? []);
        const sizes = new Map(blobs.map(({ digest, size }) => [digest, size]));
        const platforms = children.length > 0 ? ofIndex(manifest) : [await ofImage(registry, repository, manifest)];
        return {
            bytes: [...sizes.values()].reduce((sum, size) => sum + size, 0),
            platforms: [...new Set(platforms.filter(each => each !== undefined))],
        };
    }
    catch {
        return undefined;
    }
}
function ofIndex({ body }) {
    const entries = (0,json/* list */.p_)((0,json/* object */.Ik)((0,json/* parseJson */.qF)(body)).manifests).map(json/* object */.Ik);
    const attests = (entry) => (0,json/* object */.Ik)(entry.annotations)['vnd.docker.reference.type'] === 'attestation-manifest';
    const attestations = entries.filter(attests).length;
    return [
        ...entries
            .filter(entry => !attests(entry))
            .map(({ platform, artifactType }) => nameOf(platform) ?? (0,json/* string */.Yj)(artifactType)),
        ...(attestations > 0 ? [(0,format/* count */.U9)(attestations, 'attestation')] : []),
    ];
}
async function ofImage(registry, repository, { body, config }) {
    if (config !== undefined) {
        const text = await registry.config(repository, config);
        // Not even whether it is an image can be told then.
        if (text === undefined)
            return undefined;
        const name = nameOf((0,json/* parseJson */.qF)(text));
        if (name !== undefined)
            return name;
    }
    const { artifactType, config: configuration } = (0,json/* object */.Ik)((0,json/* parseJson */.qF)(body));
    const type = (0,json/* string */.Yj)(artifactType) ?? (0,json/* string */.Yj)((0,json/* object */.Ik)(configuration).mediaType);
    return artifacts.find(([pattern]) => pattern.test(type ?? ''))?.[1] ?? type;
}
const artifacts = [
    [/cncf\.helm/, 'Helm chart'],
    [/wasm/, 'WebAssembly'],
];
function nameOf(platform) {
    const { os, architecture, variant } = (0,json/* object */.Ik)(platform);
    if (!(0,json/* string */.Yj)(os) || !(0,json/* string */.Yj)(architecture))
        return undefined;
    return [os, architecture, ...((0,json/* string */.Yj)(variant) ? [variant] : [])].join('/');
}

;// CONCATENATED MODULE: ./build/publish/progress.js

/** Milliseconds between two lines of the log. */
const pause = 5000;
/** Turns the thousands of messages of a push into an occasional line: layers done, bytes, rate. */
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
            this.#say(`Docker is retrying layer ${id}`);
        // The tag is sent as an id too, with the digest as its status.
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





/** Images at a time. More would only share the same bandwidth, and every request costs the check of a password. */
const atOnce = 3;
/**
 * Pushes each image under each of its tags, and then asks the registry what it has. The first image goes alone, so that the
 * layers which the others share with it are there already. If one of the others fails, `failure` says why, and what the registry
 * has by then is told all the same.
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
    // If one fails, the others finish what they have started.
    const reasons = (await Promise.allSettled(workers)).flatMap(each => each.status === 'rejected' ? [each.reason] : []);
    // What to do about a full disk is for the caller to say.
    const full = reasons.find(each => each instanceof DiskFull);
    if (full)
        throw full;
    return { pushed: results.flat(), failure: (0,build_failure/* joined */.oR)(reasons.map(build_failure/* asFailure */.h_)) };
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
    const before = new Set(there.keys());
    for (const tag of before)
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
        await publish_complete(repository, manifest, to);
    return [...pushed].map(([digest, { tags }]) => ({
        ...{ repository, tags, digest },
        known: tags.every(tag => before.has(tag)),
    }));
}
/** Pushes an image under one tag, and tries again after failures that may pass. */
async function send(image, tag, to) {
    const { repository } = image;
    const name = `${to.domain}/${repository}`;
    const digest = await again(to, async () => {
        await refuseTaken(image, tag, to);
        const progress = new PushProgress(line => to.say(`${name}:${tag}: ${line}`));
        // Docker tries each layer for more than a minute before it reports what it was told.
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
            const target = { name: `${to.by?.address ?? to.domain}/${repository}`, tag };
            const pushed = await image.push(target, to.by?.user ?? to.user, hear, either);
            to.say(`${name}:${tag} pushed: ${progress.summary()}`);
            return pushed;
        }
        catch (error) {
            if (to.cancelled.aborted)
                throw new build_failure/* Failure */.HR('connectionLost', 'the push was cancelled; run the workflow again');
            if (hopeless.signal.aborted)
                throw hopeless.signal.reason;
            const reason = pushFailure((0,build_failure/* asFailure */.h_)(error).message, attempt(image, to));
            throw (reason instanceof Transient && (await lastingFailure(image, to))) || sized(reason, image);
        }
    });
    return verified(repository, tag, digest, to);
}
/** A failure of every upload that won\u2019t pass by itself, found by a trial upload; `undefined` if there is none. */
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
 * Another workflow may have taken an immutable tag since the first look. A registry has no request that takes a tag only if it is
 * free.
 */
async function refuseTaken(image, tag, to) {
    if (!to.immutable)
        return;
    const there = await to.registry.manifest(image.repository, tag);
    if (there && !publish_isSame(image, there))
        throw new build_failure/* Failure */.HR('immutable', `\`immutable\` is set, and another workflow has given ${to.domain}/${image.repository}:${tag} to ${there.digest} in the meantime; choose a new tag`);
}
/** The manifest that the registry has under a tag. Throws if it is not the one with this digest. */
async function verified(repository, tag, digest, to) {
    const found = await again(to, () => to.registry.manifest(repository, tag));
    if (found?.digest === digest)
        return found;
    throw new build_failure/* Failure */.HR('samePush', `${to.domain}/${repository}:${tag} was pushed as ${digest}, and the registry has ${found?.digest ?? 'no such tag'}; is another workflow pushing the same tag?`);
}
async function publish_complete(repository, manifest, to) {
    const missing = await again(to, () => to.registry.missing(repository, manifest));
    if (missing.length > 0)
        throw new build_failure/* Failure */.HR('push', `the registry lacks parts of ${to.domain}/${repository}@${manifest.digest} (${missing.slice(0, 3).join(', ')}); is its disk damaged? Delete the tag there and push again`);
}
function again({ say, cancelled }, work) {
    return retry(work, say, cancelled);
}

// EXTERNAL MODULE: external "node:child_process"
var external_node_child_process_ = __webpack_require__(1421);
// EXTERNAL MODULE: external "node:stream"
var external_node_stream_ = __webpack_require__(7075);
// EXTERNAL MODULE: ./build/runner/process.js
var runner_process = __webpack_require__(1794);
;// CONCATENATED MODULE: ./build/runner/dial.js






/**
 * Connections to the runner\u2019s Docker engine, which are reused. `docker system dial-stdio`, which Docker itself uses over SSH,
 * respects the user\u2019s context, TLS and socket. But it is a process, which takes as long to start as the engine needs for ten
 * answers.
 */
class Dial extends external_node_http_.Agent {
    #children = new Set();
    /** Why a connection ended, once its process has. */
    #ends = new WeakMap();
    constructor() {
        super({ keepAlive: true });
        // Otherwise the processes would notice only later that nobody is there any more.
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
        // A request listens for errors itself. Between two requests nobody would.
        connection.on('error', () => { });
        const handles = [child, ...[child.stdin, child.stdout, child.stderr]];
        return Object.assign(connection, {
            // Node\u2019s agent expects these of a socket.
            ref: () => handles.forEach(handle => void handle.ref()),
            unref: () => handles.forEach(handle => void handle.unref()),
        });
    }
    /** Why a connection did not reach the engine. */
    async reason(connection) {
        return (await this.#ends.get(connection)) ?? dial_unreachable(undefined, '');
    }
    // An idle connection must not keep the process alive.
    keepSocketAlive(connection) {
        connection.unref();
        return true;
    }
}
function dial_unreachable(code, words) {
    if (code === 'ENOENT')
        return new build_failure/* Failure */.HR('runnerProgram', 'this runner has no Docker; install it, or push an archive (`image: oci-archive:app.tar`)');
    if (/permission denied/i.test(words))
        return new build_failure/* Failure */.HR('runnerDocker', 'this runner\u2019s user may not use Docker; add it to the docker group, or set DOCKER_HOST to an engine of its own');
    return new build_failure/* Failure */.HR('runnerDocker', `this runner\u2019s Docker does not answer; start it (\`sudo systemctl start docker\`), or look at DOCKER_HOST and the context: ${(0,format/* lastLine */.fM)(words)}`);
}

;// CONCATENATED MODULE: ./build/runner/docker.js





/** Milliseconds for removing a tag. After that a cancelled job would be killed anyway. */
const untagTimeout = 10_000;
/**
 * The runner\u2019s Docker engine, through its API.
 *
 * The API takes a login with each push. So ours is never written anywhere, no credential helper stores it, and the user\u2019s own
 * logins stay as they are.
 */
class Docker {
    #cancelled;
    #dial = new Dial();
    #prefix = '';
    constructor(cancelled) {
        this.#cancelled = cancelled;
    }
    /** Throws a sentence if no engine answers. */
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
            throw new build_failure/* Failure */.HR('runnerDocker', `Docker can\u2019t look at ${name}: ${errorMessage(body)}`);
        const { Id, Size, RepoTags } = (0,json/* object */.Ik)((0,json/* parseJson */.qF)(body));
        const id = (0,json/* string */.Yj)(Id);
        if (id === undefined)
            throw new build_failure/* Failure */.HR('runnerDocker', `Docker can\u2019t look at ${name}: ${(0,format/* lastLine */.fM)(body)}; is it Docker that answers?`);
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
     * Pushes an image as `name:tag`, and leaves the engine\u2019s tags as they were, even if it is cancelled. Returns the digest; throws
     * what the engine says.
     */
    async push({ id, names }, { name, tag }, user, hear, cancelled) {
        const reference = `${name}:${tag}`;
        const before = await this.image(reference);
        // This must not be cancelled: the engine would set the tag anyway, and nobody would remove it.
        if (before?.id !== id)
            await this.#tag(id, name, tag, AbortSignal.timeout(untagTimeout));
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
            // Before version 28 the containerd store does not report the digest. It is the image\u2019s own then, and the caller checks it.
            return digest ?? id;
        }
        finally {
            const signal = AbortSignal.timeout(untagTimeout);
            if (before && before.id !== id)
                await this.#tag(before.id, name, tag, signal);
            // Docker deletes an image when it loses its last name.
            if (!before && names.length > 0)
                await this.#ask('DELETE', `/images/${reference}?noprune=1`, signal);
        }
    }
    /** Whether the engine can log in to a registry, which may be on this machine. */
    async reaches(address, { name, password }) {
        const login = JSON.stringify({ username: name, password, serveraddress: address });
        const response = await this.#send('POST', '/auth', undefined, { 'content-type': 'application/json' }, login);
        response.resume();
        return response.statusCode === 200;
    }
    /** Whether it runs without root, and so looks for authorities in the user\u2019s own folder. */
    async rootless() {
        const { body } = await this.#ask('GET', '/info');
        return (0,json/* strings */.P$)((0,json/* object */.Ik)((0,json/* parseJson */.qF)(body)).SecurityOptions).includes('name=rootless');
    }
    async #tag(id, name, tag, signal) {
        const { status, body } = await this.#ask('POST', `/images/${id}/tag?repo=${name}&tag=${tag}`, signal);
        if (status !== 201)
            throw new build_failure/* Failure */.HR('runnerDocker', `Docker can\u2019t tag ${id} as ${name}:${tag}: ${errorMessage(body)}`);
    }
    async #ask(method, path, signal) {
        const response = await this.#send(method, path, signal);
        let body = '';
        for await (const chunk of response.setEncoding('utf8'))
            body += chunk;
        return { status: response.statusCode ?? 0, body };
    }
    #send(method, path, signal = this.#cancelled, headers = {}, body) {
        return new Promise((resolve, reject) => {
            const outgoing = (0,external_node_http_.request)({
                agent: this.#dial,
                method,
                path: this.#prefix + path,
                headers: { host: 'docker', ...headers },
                signal,
            });
            // The end of a connection may be reported several times. After the answer has begun, its reader is told.
            let settled = false;
            outgoing.on('error', error => {
                if (settled)
                    return;
                settled = true;
                if (signal.aborted)
                    reject(new build_failure/* Failure */.HR('connectionLost', 'the push was cancelled; run the workflow again'));
                // The engine was restarted in the meantime. All of these requests may be repeated.
                else if (outgoing.reusedSocket)
                    resolve(this.#send(method, path, signal, headers, body));
                else if (outgoing.socket)
                    void this.#dial.reason(outgoing.socket).then(reject);
                else
                    reject(error);
            });
            outgoing.on('response', incoming => {
                settled = true;
                resolve(incoming);
            });
            outgoing.end(body);
        });
    }
}
/** The lines of an answer, as they arrive. */
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
        throw new Error('the engine closed the connection halfway (connection reset)');
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
// The engine expects the URL alphabet but, unlike Node\u2019s `base64url`, with padding.
function login(name, user) {
    const auth = user ? { username: user.name, password: user.password, serveraddress: name.split('/')[0] } : {};
    return Buffer.from(JSON.stringify(auth)).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}
function errorMessage(body) {
    return (0,json/* string */.Yj)((0,json/* object */.Ik)((0,json/* parseJson */.qF)(body)).message) ?? (0,format/* lastLine */.fM)(body);
}

// EXTERNAL MODULE: external "node:fs/promises"
var external_node_fs_promises_ = __webpack_require__(1455);
// EXTERNAL MODULE: ./build/registry/reference.js
var registry_reference = __webpack_require__(6247);
// EXTERNAL MODULE: ./node_modules/@actions/exec/lib/exec.js + 3 modules
var lib_exec = __webpack_require__(1260);
;// CONCATENATED MODULE: ./build/runner/exec.js


/**
 * Runs a short program, without a shell. `process.ts` is for programs that a cancelled job must end.
 */
async function exec_exec(program, args, { input, env } = {}) {
    // The toolkit crashes if a program ends before it has read its input. `cat` always reads it.
    const [first, rest] = input === undefined ? [program, args] : ['sh', ['-c', 'cat | "$0" "$@"', program, ...args]];
    try {
        const { exitCode, stdout, stderr } = await (0,lib_exec/* getExecOutput */.H)(first, [...rest], {
            env: { ...(0,runner_process/* environment */.c)(), ...env },
            ...(input !== undefined && { input: Buffer.from(input) }),
            ignoreReturnCode: true,
            // The toolkit would print the command line and the output.
            silent: true,
        });
        return { code: exitCode, stdout, stderr };
    }
    catch (error) {
        return { code: 127, stdout: '', stderr: error.message };
    }
}

;// CONCATENATED MODULE: ./build/publish/archive.js







/** Finds the image that a source names; `wanted` is the repository that it is to go to, if the source\u2019s line says so. */
async function findArchive({ kind: given, path, reference }, wanted, say) {
    if (!(0,external_node_fs_.existsSync)(path))
        throw new build_failure/* Failure */.HR('imageMissing', `there is no ${path} in the workspace; build it in an earlier step of the same job`);
    const index = entries(await read(path, 'index.json'));
    const saved = savedImages(await read(path, 'manifest.json'));
    const kind = given === 'path' ? await kindOf(path, index, saved, say) : given;
    const found = kind === 'docker-archive' ? oneSaved(path, reference, saved) : oneOf(kind, path, reference, index);
    const repository = wanted ?? (found.name && (0,registry_reference/* ownName */.qU)(found.name.replace(officialImage, '')));
    if (repository === undefined)
        throw new build_failure/* Failure */.HR('imageName', `${path} does not say its name; write ${path} => repository`);
    const mistake = (0,registry_reference/* repositoryMistake */.tP)(repository);
    if (mistake)
        throw new build_failure/* Failure */.HR('imageName', `${path}: ${mistake}`);
    const inside = found.reference;
    return {
        id: found.id,
        repository,
        size: (0,external_node_fs_.statSync)(path).isFile() ? (0,external_node_fs_.statSync)(path).size : 0,
        stored: {
            from: `${kind}:${path}${inside === undefined ? '' : `:${inside}`}`,
            ...(found.ambiguous !== undefined && { digest: found.id, ambiguous: found.ambiguous }),
        },
    };
}
// Since version 25, Docker\u2019s archives are both. Only an index of indexes says more than `manifest.json` can, if all of it is there.
async function kindOf(path, index, saved, say) {
    if ((0,external_node_fs_.statSync)(path).isDirectory()) {
        if (index)
            return 'oci';
        const todo = (0,external_node_fs_.existsSync)((0,external_node_path_.join)(path, 'version'))
            ? `it has skopeo\u2019s \`dir:\` format, so convert it first: \`skopeo copy --all dir:${path} oci:${path}-oci\``
            : 'write one with `docker buildx build --output type=oci,dest=FILE`';
        throw new build_failure/* Failure */.HR('imageMissing', `the folder ${path} is no OCI layout; ${todo}`);
    }
    const nested = index?.filter(({ nested }) => nested) ?? [];
    if (index && !saved)
        return 'oci-archive';
    if (nested.length > 0) {
        const absent = await absentFrom(path, nested);
        if (absent.length === 0)
            return 'oci-archive';
        say(`${path} has no ${absent.join(', ')}, which its index names, so it is pushed without`);
    }
    if (saved)
        return 'docker-archive';
    throw new build_failure/* Failure */.HR('imageMissing', `${path} is neither a \`docker save\` archive nor an OCI one, or the runner lacks what unpacks it${/zst/.test(path) ? ' (zstd)' : ''}; give one of those`);
}
/**
 * What indexes in an archive name that is not in it. Docker saves an image that was pulled with the whole index, and of the
 * platforms only those that were pulled.
 */
async function absentFrom(path, indexes) {
    const { stdout } = await exec_exec('tar', ['-tf', path]);
    const there = new Set(stdout.split('\n').map(name => name.replace(/^\.\//, '')));
    const blob = (digest) => `blobs/${(0,json/* string */.Yj)(digest)?.replace(':', '/')}`;
    const absent = [];
    for (const { digest } of indexes) {
        if (!there.has(blob(digest)))
            absent.push(digest);
        else
            for (const member of (0,json/* list */.p_)((0,json/* object */.Ik)(await read(path, blob(digest))).manifests).map(json/* object */.Ik))
                if (!there.has(blob(member.digest)))
                    absent.push(platformName(member));
    }
    return [...new Set(absent)];
}
/** How to call a member of an index. */
function platformName({ annotations, digest, platform }) {
    if ((0,json/* object */.Ik)(annotations)['vnd.docker.reference.type'] === 'attestation-manifest')
        return 'attestation';
    const { os, architecture, variant } = (0,json/* object */.Ik)(platform);
    return (0,json/* strings */.P$)([os, architecture, variant]).join('/') || ((0,json/* string */.Yj)(digest) ?? 'unknown');
}
function oneSaved(path, reference, saved = []) {
    const images = reference === undefined ? saved : saved.filter(({ names }) => names.includes(reference));
    const [image] = images;
    if (!image || images.length > 1) {
        const names = saved.flatMap(({ names }) => names);
        const own = names.filter(name => names.indexOf(name) === names.lastIndexOf(name));
        throw several(path, reference, 'docker-archive', own);
    }
    const name = reference ?? image.names[0];
    return { id: `sha256:${image.config}`, reference, ...(name && { name }) };
}
function oneOf(kind, path, reference, index = []) {
    const entries = reference === undefined ? index : index.filter(each => isCalled(each, reference));
    const [entry] = entries;
    // buildx lists an image once for each of its names.
    if (!entry || entries.some(({ digest }) => digest !== entry.digest))
        throw several(path, reference, kind, (0,json/* strings */.P$)(index.map(each => ownNameIn(each, index))));
    const name = archive_namesOf(entry).find(each => /[/:]/.test(each));
    // skopeo knows it by no other name, and takes the first that has it.
    const inside = index.length === 1 ? undefined : (0,json/* string */.Yj)(entry.annotations[refName]);
    const ambiguous = index.length > 1 &&
        (inside === undefined ||
            index.some(each => each.digest !== entry.digest && each.annotations[refName] === inside));
    return {
        ...{ id: entry.digest, reference: ambiguous ? undefined : inside, ambiguous },
        ...(name && { name }),
    };
}
/** The name by which an entry, and no other image of the layout, can be asked for. */
function ownNameIn(entry, index) {
    const names = [(0,json/* string */.Yj)(entry.annotations[refName]), ...archive_namesOf(entry)];
    return names.find(name => name !== undefined && index.every(other => other.digest === entry.digest || !isCalled(other, name)));
}
const refName = 'org.opencontainers.image.ref.name';
/** What containerd writes before a name without a registry and a slash. `docker save` of another store omits it. */
const officialImage = /^docker\.io\/library\//;
/** The names of an entry, full references first. buildx writes several into one annotation. */
function archive_namesOf({ annotations }) {
    const references = (0,json/* string */.Yj)(annotations[refName])?.split(',') ?? [];
    return [...new Set([...(0,json/* strings */.P$)([annotations['io.containerd.image.name']]), ...references])];
}
function isCalled(entry, reference) {
    return (entry.annotations[refName] === reference ||
        archive_namesOf(entry).some(name => ['', 'docker.io/', 'docker.io/library/'].some(hub => hub + reference === name)));
}
function several(path, reference, kind, names) {
    const what = reference === undefined ? 'does not hold exactly one image' : `has no single image ${reference}`;
    const own = [...new Set(names)];
    const [first] = own;
    const todo = first !== undefined
        ? `it has ${own.slice(0, 5).join(', ')}: write ${kind}:${path}:${first}`
        : kind === 'docker-archive'
            ? 'it has none with a name of its own: save each by its name, with `docker save`'
            : 'it has none with a name of its own: write each to a place of its own, with `docker buildx build --output type=oci,dest=FILE`';
    return new build_failure/* Failure */.HR('imageMissing', `${path} ${what}; ${todo}`);
}
/** A JSON file of a layout, or of a layout in an archive. */
async function read(path, name) {
    const text = (0,external_node_fs_.statSync)(path).isDirectory()
        ? await (0,external_node_fs_promises_.readFile)((0,external_node_path_.join)(path, name), 'utf8').catch(() => '')
        : // Archives use either name. tar complains about the other.
            (await exec_exec('tar', ['-xOf', path, name, `./${name}`])).stdout;
    return (0,json/* parseJson */.qF)(text);
}
/** What `index.json` lists, images only; `undefined` if it is not an index. */
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

;// CONCATENATED MODULE: ./build/publish/sources.js




/** Finds the images, before anything is contacted; throws an InputError that names every one that can\u2019t be pushed. `say` hears of what is left out. */
async function findImages(images, skopeo, cancelled, say) {
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
                const { stored, ...found } = await findArchive(source, repository, say);
                locals.push({ ...found, tags, client: 'skopeo', push: pushBySkopeo(skopeo, stored) });
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
    mistakes.push(...twins(locals));
    if (mistakes.length > 0)
        throw new build_failure/* InputError */.dz(mistakes);
    return locals;
}
/** Two images for one tag. Where an archive goes that says so itself is known only now. */
function twins(locals) {
    const places = locals.flatMap(({ repository, tags }) => tags.map(tag => `${repository}:${tag}`));
    const twice = new Set(places.filter((place, index) => places.indexOf(place) !== index));
    return [...twice].map(place => new build_failure/* Failure */.HR('imageName', `image: several images would go to ${place}, and only one can have it; give each a place of its own, as source => repository:tag`));
}
/** Says that an image is missing, and which ones are there. */
function absent(name, names) {
    if ((0,external_node_fs_.existsSync)(name))
        return `this runner\u2019s Docker has no image ${name}; if you mean the file of that name, write ./${name}`;
    const shown = names.slice(0, 5).join(', ');
    return `this runner\u2019s Docker has no image ${name}, ${shown === '' ? 'nor any other' : `only ${shown}`}; build it in an earlier step of the same job, with \`load: true\` if buildx builds it`;
}
function pushBySkopeo(skopeo, stored) {
    return ({ name, tag }, user, hear, cancelled) => {
        const onLine = (line) => {
            const id = /^Copying blob (?:sha256:)?(\w{12})/.exec(line)?.[1];
            if (id)
                hear({ id, status: line.includes('skipped') ? 'Layer already exists' : 'Pushing' });
        };
        return skopeo.copy(stored, `${name}:${tag}`, user, onLine, cancelled);
    };
}

;// CONCATENATED MODULE: ./build/registry/api.js



/** How deep indexes within indexes are followed, and how many manifests of one: a registry could name any number. */
const maxDepth = 3;
const maxManifests = 1000;
/**
 * Bytes of a trial upload: more than the mebibyte that nginx lets through where nobody has set `client_max_body_size`.
 */
const trial = (1 << 20) + 1;
/**
 * Requests of one user to a registry, by the OCI Distribution Specification. All methods throw a sentence, and `Transient` if the
 * same request may succeed in a moment.
 */
class RegistryApi {
    #endpoint;
    #user;
    constructor(endpoint, user) {
        this.#endpoint = endpoint;
        this.#user = user;
    }
    /** What a tag or digest points to; `undefined` if it is not there. */
    async manifest(repository, reference) {
        const answer = await this.#ask('GET', manifestPath(repository, reference), { accept: manifestTypes });
        if (answer.status === 404)
            return undefined;
        if (answer.status !== 200)
            throw this.#endpoint.refused(answer, `${repository}:${reference}`);
        const digest = `sha256:${(0,external_node_crypto_.createHash)('sha256').update(answer.body).digest('hex')}`;
        return { digest, type: String(answer.headers['content-type']), body: answer.body, ...api_read(answer.body) };
    }
    /** The configuration of an image, in JSON; `undefined` if it is in an object storage that this machine can\u2019t read from. */
    async config(repository, digest) {
        const answer = await this.#ask('GET', `/v2/${repository}/blobs/${digest}`);
        const location = redirect(answer);
        if (location !== undefined) {
            const moved = await this.#endpoint.follow(location).catch(() => undefined);
            return moved?.status === 200 ? moved.body : undefined;
        }
        if (answer.status !== 200)
            throw this.#endpoint.refused(answer, `${repository}@${digest}`);
        return answer.body;
    }
    /** Gives another tag to a manifest that the registry has. */
    async tag(repository, tag, { type, body }) {
        const path = manifestPath(repository, tag);
        const answer = await this.#ask('PUT', path, { 'content-type': type }, Buffer.from(body));
        if (answer.status !== 201)
            throw this.#endpoint.refused(answer, `${repository}:${tag}`);
    }
    /** Digests of all manifests and blobs of an image, for every platform, that the registry lacks. */
    async missing(repository, manifest, depth = 0) {
        if (depth > maxDepth || manifest.manifests.length > maxManifests)
            throw new build_failure/* Failure */.HR('push', `${repository}@${manifest.digest} is an index of more manifests than any image has; is it a registry that answers there?`);
        const children = await Promise.all(manifest.manifests.map(async ({ digest }) => {
            const child = await this.manifest(repository, digest);
            return child ? this.missing(repository, child, depth + 1) : [digest];
        }));
        const blobs = await Promise.all(manifest.blobs.map(async ({ digest, size }) => {
            const answer = await this.#ask('HEAD', `/v2/${repository}/blobs/${digest}`);
            // A registry redirects only to what it has found itself.
            if (redirect(answer) !== undefined)
                return [];
            if (answer.status !== 200 && answer.status !== 404)
                throw this.#endpoint.refused(answer, `${repository}@${digest}`);
            return answer.status === 404 || Number(answer.headers['content-length']) !== size ? [digest] : [];
        }));
        return [...new Set([...children, ...blobs].flat())];
    }
    /**
     * Uploads a little and takes it back, because Docker does not pass on what a registry says about its own failure, such as a full
     * disk. Returns the status and words of the refusal, or `''` if the upload works.
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
/** Where a registry sends clients for a blob, such as with `s3-redirect`. */
function redirect({ status, headers }) {
    return status === 307 || status === 302 ? (0,json/* string */.Yj)(headers.location) : undefined;
}
/** Where an upload continues. A registry may give the whole URL or only the path. */
function upload({ headers }) {
    const { pathname, search } = new URL(String(headers.location), 'https://registry');
    return pathname + search;
}
/** A registry that was cut off may have half a manifest; a push puts that right. */
function api_read(body) {
    const { config, layers, manifests } = (0,json/* object */.Ik)((0,json/* parseJson */.qF)(body));
    const [configuration] = descriptors([config]);
    // Layers with URLs of their own, such as those of Windows, need not be in the registry.
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
/** Everything that a tag may point to. A registry answers 404 for types that the request does not accept. */
const manifestTypes = [
    'application/vnd.oci.image.index.v1+json',
    'application/vnd.docker.distribution.manifest.list.v2+json',
    'application/vnd.oci.image.manifest.v1+json',
    'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

;// CONCATENATED MODULE: ./build/registry/gate.js



/** Bytes that are buffered. With fewer, the same image takes more work. */
const highWaterMark = 1 << 20;
/**
 * A port on this machine that reaches the registry\u2019s socket, for clients that can\u2019t use sockets. Others on the machine can reach it
 * too, so it has a password of its own, which only the pushing client is given.
 */
class Gate {
    user = { name: 'berth', password: (0,external_node_crypto_.randomBytes)(24).toString('base64url') };
    #server;
    #agent = new external_node_http_.Agent({ keepAlive: true });
    #socket;
    constructor(socket) {
        this.#socket = socket;
        this.#server = (0,external_node_http_.createServer)({ highWaterMark }, (incoming, response) => this.#pass(incoming, response));
        // An upload may take any time.
        Object.assign(this.#server, { requestTimeout: 0, headersTimeout: 0 });
    }
    static async open(socket) {
        const gate = new Gate(socket);
        await new Promise((resolve, reject) => {
            gate.#server.on('error', reject).listen(0, '127.0.0.1', resolve);
        });
        return gate;
    }
    /** The host and port, as they begin an image\u2019s name. */
    get address() {
        return `127.0.0.1:${this.#server.address().port}`;
    }
    close() {
        this.#server.close();
        this.#server.closeAllConnections();
        this.#agent.destroy();
    }
    #pass(incoming, response) {
        const { method, url, headers } = incoming;
        const { name, password } = this.user;
        const right = `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
        // `connection` and `expect` are for this hop only.
        const { authorization, connection: _, expect: __, ...others } = headers;
        if (authorization !== right) {
            incoming.resume();
            response.writeHead(401, { 'www-authenticate': 'Basic realm="Berth"' }).end();
            return;
        }
        const outgoing = (0,external_node_http_.request)({
            ...{ socketPath: this.#socket, agent: this.#agent, method, path: url, headers: others, highWaterMark },
        });
        const failed = () => {
            if (response.headersSent)
                response.destroy();
            else
                response.writeHead(502).end('the connection to the server was lost');
        };
        outgoing.on('error', failed);
        outgoing.on('response', answer => {
            response.writeHead(answer.statusCode ?? 502, throughHere(answer));
            (0,external_node_stream_.pipeline)(answer, response, () => { });
        });
        (0,external_node_stream_.pipeline)(incoming, outgoing, () => { });
    }
}
/**
 * The headers of an answer. A registry whose settings name its host (`http.host`) tells where an upload continues with that, which
 * would lead past the gate. Redirects stay as they are: they lead to an object storage.
 */
function throughHere({ statusCode = 0, headers }) {
    const { location } = headers;
    if (location === undefined ||
        statusCode >= 300 ||
        !/^https?:\/\//i.test(location) ||
        !URL.canParse(location))
        return headers;
    const { pathname, search } = new URL(location);
    return { ...headers, location: pathname + search };
}

// EXTERNAL MODULE: external "node:os"
var external_node_os_ = __webpack_require__(8161);
;// CONCATENATED MODULE: ./build/runner/login.js






/**
 * Logs the runner\u2019s Docker in, in the user\u2019s own configuration, where other programs look too: podman, buildah, skopeo, crane, oras,
 * helm, cosign. `memory` is a folder that nobody else can read, in which `logOut` finds the earlier logins. Returns what Docker
 * says if it refuses, otherwise `''`.
 */
async function logIn(domain, user, memory) {
    // Before Docker writes anything, because a cancelled job has a post step too. And only once: a second try must not take the first
    // one\u2019s login for an earlier one.
    if (!recall(memory)) {
        (0,external_node_fs_.mkdirSync)(memory, { recursive: true, mode: 0o700 });
        (0,external_node_fs_.writeFileSync)(memoryFile(memory), JSON.stringify(await login_look(domain)), { mode: 0o600 });
    }
    // Some helpers store several users for one registry, and return the first.
    if ((recall(memory)?.kept.length ?? 0) > 0)
        await exec_exec('docker', ['logout', domain]);
    const args = ['login', '--username', user.name, '--password-stdin', domain];
    const { code, stderr } = await exec_exec('docker', args, { input: user.password });
    return code === 0 ? '' : (0,format/* lastLine */.fM)(stderr) || `exit ${code}`;
}
/** Logs out again, and restores the login from before. */
async function logOut(memory) {
    const before = recall(memory);
    if (!before)
        return;
    const { domain, folder, helper, kept } = before;
    await exec('docker', ['logout', domain], { env: { DOCKER_CONFIG: folder } });
    if (helper !== undefined)
        for (const input of kept)
            await exec(helper, ['store'], { input });
    login_putBack(before);
}
const memoryFile = (memory) => (0,external_node_path_.join)(memory, 'login.json');
/** The names under which Docker stores a login, and removes it. */
const login_names = (domain) => [domain, `https://${domain}`, `http://${domain}`];
async function login_look(domain) {
    const folder = process.env.DOCKER_CONFIG || (0,external_node_path_.join)((0,external_node_os_.homedir)(), '.docker');
    const config = login_read(folder);
    const { auths, credHelpers, credsStore } = (0,json/* object */.Ik)(config);
    const suffix = (0,json/* string */.Yj)((0,json/* object */.Ik)(credHelpers)[domain]) ?? (0,json/* string */.Yj)(credsStore);
    const helper = suffix ? `docker-credential-${suffix}` : undefined;
    const entries = Object.entries((0,json/* object */.Ik)(auths)).filter(([name]) => login_names(domain).includes(name));
    const kept = [];
    if (helper !== undefined) {
        for (const input of login_names(domain)) {
            const { code, stdout } = await exec_exec(helper, ['get'], { input });
            const found = (0,json/* object */.Ik)((0,json/* parseJson */.qF)(stdout));
            if (code === 0 && (0,json/* string */.Yj)(found.Secret))
                kept.push(JSON.stringify({ ...found, ServerURL: input }));
        }
    }
    return { domain, folder, existed: config !== undefined, entries: Object.fromEntries(entries), helper, kept };
}
function recall(memory) {
    try {
        const { domain, folder, existed, entries, helper, kept } = (0,json/* object */.Ik)((0,json/* parseJson */.qF)((0,external_node_fs_.readFileSync)(memoryFile(memory), 'utf8')));
        if (typeof domain !== 'string' || typeof folder !== 'string')
            return undefined;
        return {
            domain,
            folder,
            existed: existed === true,
            entries: (0,json/* object */.Ik)(entries),
            helper: (0,json/* string */.Yj)(helper),
            kept: (0,json/* strings */.P$)(kept),
        };
    }
    catch {
        return undefined; // Nobody was logged in.
    }
}
/** Restores the entries that were there before, and removes ours. A later step of the job may have removed the file. */
function login_putBack({ folder, existed, entries }) {
    const config = login_read(folder);
    const path = join(folder, 'config.json');
    if (!existed && config && Object.values(config).every(isEmpty))
        rmSync(path);
    if (Object.keys(entries).length === 0)
        return;
    if (config === undefined && existsSync(path))
        throw new Error(`${path} can\u2019t be read any more; an earlier login is lost, so log in again`);
    const whole = { ...config, auths: { ...object(config?.auths), ...entries } };
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // It may be a link to a file elsewhere, as Docker itself allows.
    const file = existsSync(path) ? realpathSync(path) : path;
    writeFileSync(`${file}.berth`, `${JSON.stringify(whole, null, '\t')}\n`, { mode: 0o600 });
    renameSync(`${file}.berth`, file);
}
const isEmpty = (value) => isObject(value) && Object.keys(value).length === 0;
/** Docker\u2019s configuration; `undefined` if there is none, or none that can be read. */
function login_read(folder) {
    try {
        const text = (0,external_node_fs_.readFileSync)((0,external_node_path_.join)(folder, 'config.json'), 'utf8');
        const config = text.trim() === '' ? {} : (0,json/* parseJson */.qF)(text);
        return (0,json/* isObject */.Gv)(config) ? config : undefined;
    }
    catch {
        return undefined;
    }
}

;// CONCATENATED MODULE: ./build/runner/skopeo.js








/** Copies archives and layouts to the registry: complete indexes, byte by byte, as Docker can\u2019t. */
class Skopeo {
    #folder;
    #ca;
    /** Files for skopeo are written below `folder`, which nobody else must be able to read. */
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
    /** Returns the digest; throws what skopeo says. */
    async copy(image, reference, user, onLine, cancelled) {
        // A folder for each copy, because several run at once.
        (0,external_node_fs_.mkdirSync)(this.#folder, { recursive: true, mode: 0o700 });
        const folder = (0,external_node_fs_.mkdtempSync)((0,external_node_path_.join)(this.#folder, 'copy-'));
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
            // This is a port of this machine, without a certificate.
            if (domain.startsWith('127.0.0.1:'))
                args.push('--dest-tls-verify=false');
            else if (this.#ca !== undefined) {
                file('ca.crt', this.#ca);
                args.push('--dest-cert-dir', folder);
            }
            const run = async (options, source, target) => {
                const all = [...args, ...options, source, `docker://${target}`];
                const { code, stderr } = await (0,runner_process/* start */.n)('skopeo', all, {
                    env: straight((0,runner_process/* environment */.c)(), domain),
                    cancelled,
                    onLine,
                }).end();
                return code === 0 ? '' : (0,format/* lastLine */.fM)(stderr) || `exit ${code}`;
            };
            const { digest } = image;
            const from = digest !== undefined && image.ambiguous
                ? await this.#alone(image.from, digest, (0,external_node_path_.join)(folder, 'alone'))
                : image.from;
            // Layers in an archive of `docker save` are not compressed, so there is no manifest to preserve.
            const options = from.startsWith('docker-archive:') ? [] : ['--all', '--preserve-digests'];
            let words = await run(options, from, reference);
            // skopeo would mark zstd layers in an index, and so change it. So the images are copied one by one, and the index as it is.
            if (/must be converted/.test(words))
                words = await this.#copyParts({ ...image, from }, reference, (0,external_node_path_.join)(folder, 'layout'), run);
            if (words !== '')
                throw new Error(words);
            return (await (0,external_node_fs_promises_.readFile)(digestFile, 'utf8')).trim();
        }
        finally {
            (0,external_node_fs_.rmSync)(folder, { recursive: true, force: true });
        }
    }
    /**
     * Makes a layout of our own in `folder` with one of several images, and returns it as skopeo writes it. Images may share the one
     * name that skopeo looks at, and it takes the first: buildx writes only the tag there.
     */
    async #alone(from, digest, folder) {
        const whole = await this.#unpack(from, folder);
        const top = await manifestsIn((0,external_node_path_.join)(whole, 'index.json'));
        const { annotations: _, ...entry } = top.find(each => digestOf(each) === digest) ?? {};
        writeLayout(folder, [entry]);
        return `oci:${folder}`;
    }
    /** Puts the blobs of a layout into `folder`. Returns the folder that the layout itself is in. */
    async #unpack(from, folder) {
        const [, kind, path = ''] = /^([^:]+):([^:]+)/.exec(from) ?? [];
        const whole = kind === 'oci-archive' ? (0,external_node_path_.join)(folder, 'whole') : (0,external_node_path_.resolve)(path);
        (0,external_node_fs_.mkdirSync)((0,external_node_path_.join)(folder, 'whole'), { recursive: true });
        if (kind === 'oci-archive') {
            const { code, stderr } = await exec_exec('tar', ['-xf', path, '-C', whole]);
            if (code !== 0)
                throw new Error(`untarring file: ${(0,format/* lastLine */.fM)(stderr)}`);
        }
        (0,external_node_fs_.symlinkSync)((0,external_node_path_.join)(whole, 'blobs'), (0,external_node_path_.join)(folder, 'blobs'));
        return whole;
    }
    /** Copies an index and its images one by one, from a layout of our own in `folder`. Returns what skopeo says if it fails. */
    async #copyParts({ from, digest }, reference, folder, run) {
        const whole = await this.#unpack(from, folder);
        const top = await manifestsIn((0,external_node_path_.join)(whole, 'index.json'));
        const root = top.find(each => digestOf(each) === digest) ?? top[0];
        const parts = await manifestsIn((0,external_node_path_.join)(whole, 'blobs/sha256', digestOf(root).slice('sha256:'.length)));
        const entries = [root, ...parts].map((entry, index) => ({
            ...{ mediaType: entry?.mediaType, digest: entry?.digest, size: entry?.size },
            annotations: { [skopeo_refName]: String(index) },
        }));
        writeLayout(folder, entries);
        const name = reference.slice(0, reference.lastIndexOf(':'));
        for (const [index, part] of parts.entries()) {
            const words = await run(['--preserve-digests'], `oci:${folder}:${index + 1}`, `${name}@${digestOf(part)}`);
            if (words !== '')
                return words;
        }
        return run(['--multi-arch', 'index-only', '--preserve-digests'], `oci:${folder}:0`, reference);
    }
}
const skopeo_refName = 'org.opencontainers.image.ref.name';
function writeLayout(folder, manifests) {
    (0,external_node_fs_.writeFileSync)((0,external_node_path_.join)(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    (0,external_node_fs_.writeFileSync)((0,external_node_path_.join)(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
}
const digestOf = (entry) => (0,json/* string */.Yj)(entry?.digest) ?? '';
async function manifestsIn(file) {
    return (0,json/* list */.p_)((0,json/* object */.Ik)((0,json/* parseJson */.qF)(await (0,external_node_fs_promises_.readFile)(file, 'utf8'))).manifests).map(json/* object */.Ik);
}
/** The environment without a proxy for the registry: Berth has reached it without one, and the proxy may not be able to. */
function straight(env, domain) {
    const list = [env.NO_PROXY ?? env.no_proxy, domain].filter(Boolean).join(',');
    return { ...env, NO_PROXY: list, no_proxy: list };
}

;// CONCATENATED MODULE: ./build/runner/trust.js





/**
 * Where Docker looks for the authorities of one registry. `id` keeps the files of simultaneous jobs apart. Other files there are not
 * touched.
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
/** Makes the engine trust a private authority, whose certificate is in `source`, for one registry. It reads the folder for each connection. */
async function trust_trust(file, source) {
    const { code, stderr } = await privileged(file, ['install', '-D', '-m', '0644', source, file]);
    if (code !== 0)
        throw new build_failure/* Failure */.HR('trust', `this runner\u2019s Docker can\u2019t be told to trust \`ca\`, because ${file} can\u2019t be written (${(0,format/* lastLine */.fM)(stderr)}); let the runner\u2019s user write there, or become root with sudo`);
}
/** Takes back what `trust` did. */
async function trust_distrust(file) {
    await privileged(file, ['rm', '-f', file]);
    // Other files there belong to somebody else.
    await privileged(file, ['rmdir', dirname(file)]);
}
// Docker's own folder belongs to root; a hosted runner's user has sudo.
function privileged(file, command) {
    const sudo = process.getuid?.() === 0 || !file.startsWith('/etc/') ? [] : ['sudo', '-n'];
    const [program = '', ...args] = [...sudo, ...command];
    return exec_exec(program, args);
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
function findLocals({ images, desired }, { folder, cancelled, listener }) {
    return findImages(images, new Skopeo((0,external_node_path_.join)(folder, 'skopeo'), desired.acme.ca), cancelled, listener.said);
}
/** Verifies the registry and pushes. `seen` is its certificate if it was verified already, `undefined` if something was wrong. */
async function deliver(endpoint, locals, inputs, context, seen) {
    const { desired, pushUser: user, immutable } = inputs;
    const { domain } = desired;
    const { cancelled, listener } = context;
    const certificate = await context.group(`Check https://${domain}`, () => seenFromHere(inputs, context, async () => {
        const look = () => inputs.throughSsh && user === undefined && desired.users !== null
            ? endpoint.certificate()
            : endpoint.verify(user, (0,build_desired/* ownAuth */.Lz)(desired));
        const shown = (await seen) ?? (await retry(look, listener.said, cancelled));
        listener.said(`the registry answers, with a certificate valid until ${shown.validToDate.toISOString()}`);
        return shown;
    }));
    if (inputs.login || (!inputs.throughSsh && locals.some(({ client }) => client === 'Docker')))
        await trustAuthority(inputs, context);
    const loggedIn = await stayLoggedIn(inputs, context);
    const outcome = {
        ...{ domain, steps: [], applied: true },
        ...(certificate && { certificate }),
        ...(loggedIn && { loggedIn }),
    };
    if (locals.length === 0)
        return { ...outcome, pushed: [] };
    const { pushed, failure } = await context.group('Push', () => onWay(endpoint, locals, inputs, context, async (way, by) => {
        const registry = new RegistryApi(way, by ? undefined : user);
        const to = {
            domain,
            by,
            registry,
            user: by ? undefined : user,
            immutable,
            say: listener.said,
            cancelled,
        };
        const done = await publish(locals, to);
        const pushed = await Promise.all(done.pushed.map(async (each) => ({
            ...each,
            ...(await portray(registry, each.repository, each.digest)),
        })));
        return { pushed, failure: done.failure };
    }));
    return { ...outcome, pushed, ...(failure && { failure }) };
}
/** Looks at the registry as clients do. Where images go through SSH, it is only a warning if this runner does not reach it. */
async function seenFromHere({ throughSsh, login }, { listener }, look) {
    try {
        return await look();
    }
    catch (error) {
        if (!throughSsh || login || !(error instanceof build_failure/* Failure */.HR) || error instanceof Unlocked)
            throw error;
        listener.warned(new build_failure/* Failure */.HR(error.topic, `clients can\u2019t reach the registry from this runner: ${error.message}`));
        return undefined;
    }
}
/** Opens the way for the images: HTTPS, or SSH to the registry\u2019s socket. */
async function onWay(endpoint, locals, inputs, context, work) {
    if (!inputs.throughSsh)
        return work(endpoint);
    const { domain, directory } = inputs.desired;
    return onServer(context, async (server) => {
        const socket = await registrySocket(server, domain, directory);
        const way = new Endpoint(domain, undefined, { socket });
        const gate = await Gate.open(socket);
        try {
            // sshd refuses a forwarding when it is used, not when it is requested.
            await way.ask('GET', '/v2/').catch(() => {
                throw new build_failure/* Failure */.HR('connection', `SSH lets nothing through to ${directory}/registry.sock; allow \`AllowStreamLocalForwarding\` in the server\u2019s sshd_config, add \`port-forwarding\` where the key\u2019s line in authorized_keys has \`restrict\`, and see whether the registry runs`);
            });
            if (locals.some(({ client }) => client === 'Docker'))
                await refuseElsewhere(gate, context);
            context.listener.said(`images go through SSH to ${directory}/registry.sock on the server`);
            return await work(way, gate);
        }
        finally {
            gate.close();
            way.close();
        }
    });
}
/** A path on this machine that connects to the registry\u2019s socket. nginx, which refuses uploads when the disk is full, is bypassed. */
async function registrySocket(server, domain, directory) {
    const socket = `${directory}/registry.sock`;
    const said = await server.run(`[ ! -S ${(0,shell/* quote */.hD)(socket)} ] || echo ${(0,protocol/* marker */.xL)('registry', 'yes')}
[ ! -e ${(0,shell/* quote */.hD)(fullFlag(domain))} ] || echo ${(0,protocol/* marker */.xL)('full', 'yes')}
echo ${(0,protocol/* marker */.xL)('end')}
`);
    if ((0,protocol/* lastMarker */.zK)(said, 'registry') === undefined)
        throw new build_failure/* Failure */.HR('noRegistry', `the server has no registry in ${directory}; set it up with mode \`up\`, or give its \`directory\``);
    if ((0,protocol/* lastMarker */.zK)(said, 'full') !== undefined)
        throw new DiskFull('the server\u2019s disk is full, so nothing can be pushed');
    return server.forward(socket);
}
async function refuseElsewhere(gate, { cancelled }) {
    const docker = await Docker.connect(cancelled);
    if (await docker.reaches(gate.address, gate.user))
        return;
    throw new build_failure/* Failure */.HR('runnerDocker', 'this job\u2019s Docker does not run on this runner, so it can\u2019t push through SSH from here; push an archive (`docker save my-app -o my-app.tar`, `image: ./my-app.tar`), or omit `push-through`');
}
/** Logs this job\u2019s Docker in for later steps; the post step logs it out. Returns the user\u2019s name. */
async function stayLoggedIn(inputs, context) {
    const { login, pushUser: user, desired } = inputs;
    if (!login || user === undefined)
        return undefined;
    const { domain } = desired;
    const { listener, cancelled, folder } = context;
    await retry(async () => {
        const words = await logIn(domain, user, folder);
        if (words !== '')
            throw loginFailure(words, { domain, user: user.name });
    }, listener.said, cancelled);
    listener.said(`this job\u2019s Docker is logged in to ${domain} as ${user.name} until the post step`);
    return user.name;
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
    await trust_trust(file, source);
}

;// CONCATENATED MODULE: ./build/report/issue.js


/** Characters for what is wrong. GitHub takes 65,536 in all, and escaping makes a text longer. */
const issue_room = 20_000;
/**
 * Keeps one issue open while the certificate of `domain` is at risk. It is recognized by an invisible mark in its text and by its
 * author, so people may change its title and labels. `risk` is a sentence; `undefined` closes the issue. Returns a sentence
 * about what was done; `undefined` if nothing was.
 */
async function keepIssue(to, domain, risk, expires) {
    const { octokit, repository, login } = await connect(to);
    const mark = `<!-- berth certificate ${domain} -->`;
    const issues = octokit.paginate.iterator('GET /repos/{owner}/{repo}/issues', {
        ...repository,
        ...{ state: 'open', sort: 'created', direction: 'desc', per_page: 100 },
    });
    // The API also lists pull requests.
    const issue = await findEntry(issues, ({ user, body, pull_request }) => !pull_request && user?.login === login && !!body?.includes(mark));
    if (risk === undefined) {
        if (!issue)
            return undefined;
        const body = `The certificate of ${domain} is fine again${expires ? `, and valid until ${expires.toISOString()}` : ''}.\n\n${mark}\n`;
        await octokit.request('PATCH /repos/{owner}/{repo}/issues/{issue_number}', {
            ...repository,
            ...{ issue_number: issue.number, body, state: 'closed', state_reason: 'completed' },
        });
        return `closed issue #${issue.number}`;
    }
    const [sentence = '', ...words] = risk.slice(0, issue_room).split('\n');
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










/** Renews the certificate if it is due, checks which one is served, and keeps an issue open on GitHub while it is at risk. */
async function renew(inputs, context) {
    const { domain } = inputs.desired;
    const { done } = await context.group(serversTitle(inputs), () => onServers(inputs, context, one => renew_renewed(one)));
    if (context.cancelled.aborted)
        throw new build_failure/* Cancelled */.cJ();
    const steps = done.flatMap(({ result }) => result.steps);
    let served;
    let failure = (0,build_failure/* joined */.oR)(done.flatMap(({ one, result }) => (result.fatal ? [servers_named(one, result.fatal)] : [])));
    try {
        served = await context.group(`Check https://${domain}`, () => onEndpoint(inputs, endpoint => endpoint.certificate()));
        const [first, ...others] = done;
        if (first && others.length === 0)
            failure ??= assessOf(inputs, first, served);
    }
    catch (error) {
        failure = (0,build_failure/* joined */.oR)([...(failure ? [failure] : []), (0,build_failure/* asFailure */.h_)(error)]);
    }
    if (done.length > 1) {
        const found = await assessEach(inputs, context, done);
        failure = (0,build_failure/* joined */.oR)([...(failure ? [failure] : []), ...found]);
    }
    for (const { one, result } of done) {
        if (result.undone && failure === undefined)
            one.listener.warned(result.undone);
    }
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
/** Checks each of several servers at its own address: each has its own certificate, and the name points to only one of them. */
function assessEach(inputs, { group }, done) {
    const well = done.filter(({ result }) => result.fatal === undefined);
    const found = ({ name }) => well.find(({ one }) => one.name === name);
    return group('Check each server', () => seenAtEach(inputs, well.map(({ one }) => one), async (endpoint, one) => {
        const work = found(one);
        const served = await endpoint.certificate();
        const failure = work && assessOf(inputs, work, served);
        if (failure)
            throw failure;
        one.listener.said(`its certificate is valid until ${renew_date(served)}`);
    }, one => {
        const work = found(one);
        return work && assessUnseen(inputs, work.result);
    }));
}
/** By what the server itself said over SSH. What this run ordered was not there yet, and certbot was content with it. */
function assessUnseen(inputs, { facts, steps, undone }) {
    if (facts === undefined || steps.some(isOrder))
        return undefined;
    const served = shown(inputs, facts, steps);
    const about = { proxied: false, disk: undefined, ordered: false, reason: undone?.message, now: Date.now() };
    return served && assess(inputs, { ...about, served });
}
function assessOf(inputs, { one, result }, served) {
    const { facts, steps, undone } = result;
    const disk = certificateOnDisk(inputs, facts);
    const ordered = steps.some(isOrder);
    // A proxy has no SSH. Where SSH goes to the name itself, another certificate comes from another machine.
    const mayBeProxied = !ordered && one.host !== inputs.desired.domain;
    const proxied = mayBeProxied && same(shown(inputs, facts, steps), disk) && !same(served, disk);
    if (proxied && disk)
        one.listener.said(`a proxy in front of this server shows a certificate that is valid until ${renew_date(served)}; the server\u2019s own is valid until ${renew_date(disk)}`);
    return assess(inputs, {
        ...{ served, disk, proxied, ordered },
        reason: undone?.message,
        now: Date.now(),
    });
}
/** What the server itself shows on its port 443. After a change it serves what is on its disk. */
function shown(inputs, facts, steps) {
    return ((steps.length === 0 && facts && readLineage(facts, inputs.desired.domain).served) ||
        certificateOnDisk(inputs, facts));
}
function same(one, other) {
    return one?.fingerprint256 === other?.fingerprint256;
}
async function renew_renewed({ server, desired, plans, ...one }) {
    const result = { steps: [], facts: undefined, fatal: undefined, undone: undefined };
    const listener = {
        ...one.listener,
        looked(facts) {
            const { domain } = desired;
            const site = facts.file('site.file');
            if (site === undefined) {
                throw noRegistry(domain);
            }
            // Only `up` changes the site.
            if (readLineage(facts, domain).name !== domain && site.content.includes(`/live/${domain}/`)) {
                throw new build_failure/* Failure */.HR('renewal', `somebody has given the certificate of ${domain} other domains too; run mode \`up\`, which gets the registry one of its own`);
            }
            result.facts = facts;
        },
        warned(failure) {
            result.undone = failure;
        },
    };
    try {
        result.steps = await converge(server, desired, plans(planRenewal), listener);
    }
    catch (error) {
        result.fatal = (0,build_failure/* asFailure */.h_)(error);
    }
    return result;
}
/** The certificate that the server had on disk before this run. */
function certificateOnDisk({ desired }, facts) {
    if (desired.certificate)
        return new external_node_crypto_.X509Certificate(desired.certificate.chain);
    return facts && readLineage(facts, desired.domain).leaf;
}
/** What is wrong with the certificate that clients get, in a sentence; `undefined` if nothing is. */
function assess({ desired: { domain, renewBefore, certificate } }, { served, disk, proxied, ordered, reason, now }) {
    if (disk && !proxied && same(served, disk) === ordered) {
        const sentence = ordered
            ? `the certificate of ${domain} was renewed, but the old one is still served, valid until ${renew_date(served)}; does the name point to this server on every address, and is there a proxy in front of it?`
            : `${domain} serves a certificate that is valid until ${renew_date(served)}, and it is not the one on the server\u2019s disk, which is valid until ${renew_date(disk)}; does the name point to this server, and is there a proxy in front of it?`;
        return new build_failure/* Failure */.HR('renewal', sentence);
    }
    const own = proxied && disk && due(disk, renewBefore, now) ? disk : served;
    if (!due(own, renewBefore, now))
        return undefined;
    const left = (0,format/* daysUntil */.AQ)(own.validToDate, now);
    const risk = `the certificate of ${domain} is valid for only ${left} more ${left === 1 ? 'day' : 'days'}, until ${renew_date(own)}`;
    if (proxied && own === served)
        return new build_failure/* Failure */.HR('renewal', `${risk}; the proxy in front of the server shows it, so renew it there`);
    return new build_failure/* Failure */.HR('renewal', certificate
        ? `${risk}; give a newer one as \`certificate\` and \`certificate-key\`, and run mode \`up\``
        : `${risk}, and could not be renewed: ${reason ?? 'the authority issued one that is valid no longer than that'}`);
}
function renew_date({ validToDate }) {
    return validToDate.toISOString().replace(/\.\d+/, '');
}

;// CONCATENATED MODULE: ./build/modes/up.js














/** Converges, verifies, then pushes. */
function up(inputs, context) {
    return onEndpoint(inputs, async (endpoint) => {
        // Most runs change nothing. Then what clients see now is still true afterwards.
        const seen = endpoint.verify(inputs.pushUser, (0,build_desired/* ownAuth */.Lz)(inputs.desired)).catch(() => undefined);
        const wellBefore = inputs.targets.length > 1 ? lookAtEach(inputs) : new Map();
        // An image that can\u2019t be pushed should be reported before the server changes.
        const locals = await findLocals(inputs, context);
        const taken = [];
        const { done, failed } = await context.group(serversTitle(inputs), async () => {
            const looks = await together(inputs, context);
            return onServers(inputs, context, ({ server, desired, listener, plans }) => converge(server, desired, plans(planUp), noting(taken, listener), looks.get(server)), 
            // Images that go through SSH still need the connection.
            inputs.throughSsh);
        });
        const steps = done.flatMap(({ result }) => result);
        const failures = failed.map(({ one, failure }) => behind(failure, changedUsers(steps), changedUsers(taken.filter(({ server }) => server === one.name))));
        // The name may point to a server that was not changed.
        if (inputs.targets.length > 1)
            failures.push(...(await proveEach(inputs, context, done, wellBefore)));
        else
            await seenFromHere(inputs, context, () => proveLogins(inputs, context, steps));
        try {
            const outcome = steps.length === 0
                ? await deliver(endpoint, locals, inputs, context, seen)
                : // A connection opened before a change would show the state before it.
                    await onEndpoint(inputs, fresh => deliver(fresh, locals, inputs, context));
            const failure = (0,build_failure/* joined */.oR)([...failures, ...(outcome.failure ? [outcome.failure] : [])]);
            return { ...outcome, steps, ...(failure && { failure }) };
        }
        catch (error) {
            if (failures.length > 0)
                throw (0,build_failure/* joined */.oR)([...failures, (0,build_failure/* asFailure */.h_)(error)]);
            if (!(error instanceof DiskFull))
                throw error;
            const room = await onServer(context, server => server.run(`echo ${(0,protocol/* marker */.xL)('room')}\ndf -h ${(0,shell/* quote */.hD)(`${inputs.desired.directory}/data`)}\n`));
            throw new build_failure/* Failure */.HR('diskFull', `${error.message}; ${freeRoom(room)}. Delete what is not needed, or enlarge the disk`);
        }
    });
}
/**
 * Looks at several servers with one storage, and returns what was seen. If images would move to another storage, each server first tries
 * that, and nothing is changed unless all of them can use it: otherwise the rest would serve other images under the same name.
 */
async function together(inputs, context) {
    const looks = new Map();
    if (inputs.targets.length < 2)
        return looks;
    const { done, failed } = await onServers(inputs, context, ({ server, desired, plans }) => {
        const first = look(server, desired, plans(planUp));
        looks.set(server, first);
        return first;
    }, true);
    const moves = done.some(({ one, result: { facts } }) => movesImages(one.desired, registry.read(facts, one.desired).config));
    if (!moves)
        return looks;
    // Other storages have no trial.
    if (failed.length === 0 && bucketOf(inputs.desired))
        failed.push(...(await onServers(inputs, context, tryStorage, true)).failed);
    const [first] = failed;
    if (first === undefined)
        return new Map();
    throw (0,build_failure/* joined */.oR)([
        ...failed.map(({ failure }) => failure),
        new build_failure/* Failure */.HR(first.failure.topic, 'so none of the servers uses the new storage yet, because all must move to it together; fix that, or take the server out of `ssh-host`, and run again'),
    ]);
}
/** Nothing else but packages is changed, and nothing counts as done. */
async function tryStorage({ server, desired, listener, plans }) {
    const done = (step, milliseconds) => isTrial(step) ? listener.said('it can use the new storage') : listener.done(step, milliseconds);
    await converge(server, desired, plans(planTrial), { ...listener, done });
}
/** How many new passwords are tried: nginx slows an address down after twenty that it has not yet seen to be right. */
const maxLogins = 15;
/** A password has changed when the new one lets its user in. */
async function proveLogins(inputs, { listener, group }, steps) {
    const fresh = freshUsers(inputs.desired.users ?? [], steps);
    const proved = fresh.slice(0, maxLogins);
    if (proved.length === 0)
        return;
    await group('Log in with new passwords', async () => {
        await onEndpoint(inputs, endpoint => endpoint.admit(proved));
        const rest = fresh.length - proved.length;
        listener.said(`logged in as ${users_names(proved.map(({ name }) => name))}${rest === 0 ? '' : `; ${rest} more are in the same file`}`);
    });
}
/** A listener that also notes which steps were taken. */
function noting(taken, listener) {
    return {
        ...listener,
        done(step, milliseconds) {
            taken.push(step);
            listener.done(step, milliseconds);
        },
    };
}
/** Whose old password no longer counts after these steps. */
function changedUsers(steps) {
    const changed = steps
        .filter(({ resource }) => resource === 'users')
        .flatMap(({ changes }) => changes)
        .flatMap(({ action, subject }) => (action === 'create' || subject === undefined ? [] : [subject]));
    return [...new Set(changed)];
}
/**
 * Adds to a server\u2019s failure whose old passwords it still accepts: of those who were changed on others, who were not `here`. A line
 * of its own, if the message ends with what the server said.
 */
function behind({ topic, message }, others, here) {
    const who = others.filter(name => !here.includes(name));
    if (who.length === 0)
        return new build_failure/* Failure */.HR(topic, message);
    const end = message.includes('\n') ? '\n' : /[.?]$/.test(message) ? ' ' : '. ';
    return new build_failure/* Failure */.HR(topic, `${message}${end}Until a run has changed it, it lets in with an old password: ${users_names(who)}`);
}
/**
 * Checks who is let in on each server, at its own address: the name points to only one of them. One that did so before, and was not
 * changed, still does.
 */
function proveEach(inputs, { group, cancelled }, done, wellBefore) {
    const { desired, pushUser } = inputs;
    const well = ({ listener }) => listener.said('it answers, and lets in whom it should');
    return group('Check each server', async () => {
        const others = [];
        for (const { one, result } of done)
            if (result.length === 0 && (await wellBefore.get(one.host)))
                well(one);
            else
                others.push(one);
        return seenAtEach(inputs, others, async (endpoint, one) => {
            const changed = done.find(each => each.one === one)?.result ?? [];
            await endpoint.admit(freshUsers(desired.users ?? [], changed).slice(0, maxLogins));
            await retry(() => endpoint.verify(pushUser, (0,build_desired/* ownAuth */.Lz)(desired)), one.listener.said, cancelled);
            well(one);
        });
    });
}
/** Reads `df -h`. */
function freeRoom(text) {
    const [, size, , free, , place] = text.trim().split('\n').at(-1)?.split(/\s+/) ?? [];
    return `${free} of ${size} are free on ${place}`;
}

;// CONCATENATED MODULE: ./build/report/help.js

/** The fragment by which GitHub links to a heading. */
function help_anchor(heading) {
    return heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-');
}
/**
 * The URL of a page of docs/ on GitHub, in the version of Berth that runs. `env` says where that came from. Without that, as in a
 * local run or with `uses: ./`, it is only the path.
 */
function help_page(file, env) {
    const { GITHUB_SERVER_URL: server, GITHUB_ACTION_REPOSITORY: repository, GITHUB_ACTION_REF: ref } = env;
    return server && repository ? `${server}/${repository}/blob/${ref || 'HEAD'}/docs/${file}` : `docs/${file}`;
}
/** The page that explains a failure. */
function helpFor({ topic }, env) {
    return help_page('troubleshooting.md', env) + (topic === undefined ? '' : `#${help_anchor(build_failure/* topics */.vp[topic])}`);
}

;// CONCATENATED MODULE: ./build/report/plain.js
/**
 * Foreign text for the log: what a server, a registry, a program or a file says. The runner takes a line that begins with `::`, even
 * after spaces, for a command, and `##[` anywhere in a line, and it ends lines at `\r` too. So text could stop the masking
 * of secrets, or save state for the post step. Everything that the log prints goes through here.
 */
function plain(text) {
    return (text
        .replace(/\r\n?|[\u0085\u2028\u2029\v\f]/g, '\n')
        // Escape sequences of terminals, and other control characters.
        .replace(/\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|.)?/g, '')
        .replace(/[\0-\x08\x0e-\x1f\x7f-\x9f]/g, '\ufffd')
        .replace(/^(\s*):(?=:)/gm, '$1: ')
        .replace(/##(?=\[)/g, '## '));
}

;// CONCATENATED MODULE: ./build/report/log.js






/** What people see while the step runs: a group for each phase, and a line for each change. */
class Log {
    #console;
    /** The environment, which links to the documentation are made from. */
    #env;
    #now;
    #open;
    phases = [];
    /** The latest plan. */
    steps = [];
    /** Its steps that were done, with their time in milliseconds. */
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
            this.said(log_nothing);
            return;
        }
        const changes = (0,format/* count */.U9)(steps.flatMap(({ changes }) => changes).length, 'change');
        this.said(`${changes} to make`);
        // In mode `plan`, the plan is not folded away.
        if (!detailed)
            this.#begin(`Plan: ${changes}`);
        for (const text of planTexts(steps, detailed))
            this.said(text);
        if (!detailed)
            this.#begin('Change the server');
    };
    /** The log of one of several servers that are worked on at the same time: each line says which one it is about. */
    beside = (server, column) => {
        // What ends a line in the log must end it here, or a server could write a line in another one\u2019s name.
        const each = (text) => plain(text)
            .split('\n')
            .map(line => `${column} | ${line}`)
            .join('\n');
        return {
            planned: (steps, detailed) => {
                this.steps = [...this.steps.filter(step => step.server !== server), ...steps];
                for (const text of steps.length === 0 ? [log_nothing] : planTexts(steps, detailed))
                    this.said(each(text));
            },
            done: (step, milliseconds) => {
                this.taken.set(step, milliseconds);
                const [first] = step.changes;
                if (first)
                    this.said(each(`done: ${planLine(step.resource, first)}  ${(0,format/* duration */.p0)(milliseconds)}`));
            },
            said: text => this.said(each(text)),
            warned: ({ topic, message }) => this.warned(new build_failure/* Failure */.HR(topic, `${server}: ${message}`)),
            debug: text => this.debug(each(text)),
        };
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
    /** Begins a phase, which ends the one before: GitHub\u2019s groups can\u2019t be nested. */
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
const log_nothing = 'nothing to do: the server is as it should be';
/** A plan, text by text. `detailed` also shows files that will be made. */
function planTexts(steps, detailed) {
    return steps.flatMap(({ resource, changes, keeps }) => [
        ...changes.flatMap(change => [
            planLine(resource, change),
            ...(change.file && (detailed || change.action === 'update') ? [diff(change.file)] : []),
        ]),
        ...(keeps ? [`= ${resource}: ${keeps}`] : []),
    ]);
}
// GitHub does not mask titles, so they have nothing from the message.
function log_title({ topic }) {
    return `Berth: ${topic === undefined ? 'failed' : build_failure/* topics */.vp[topic]}`;
}

;// CONCATENATED MODULE: ./build/report/summary.js





/** The job summary, in GitHub\u2019s Markdown: what matters most comes first, what is wanted only when something is slow comes last. */
function summary(outcome, around) {
    return [
        `## \u2693 ${outcome.domain}`,
        ...summary_failure(outcome, around),
        ...facts(outcome, around),
        ...pushed(outcome),
        ...retentionSummary(outcome),
        ...changes(outcome, around),
        ...timings(around),
        '',
    ].join('\n\n');
}
function summary_failure({ failure }, { help }) {
    if (failure === undefined)
        return [];
    const [sentence = '', ...words] = failure.message.split('\n');
    const block = fenced(words.map(line => line.trim()).join('\n'), 'text').trimEnd();
    const said = words.length > 0 ? ['', ...block.split('\n')] : [];
    const text = [`**Failed:** ${inline(sentence)}`, ...said, '', `[What to do](${help})`];
    return [['[!CAUTION]', ...text].map(line => `> ${line}`.trimEnd()).join('\n')];
}
/** The job summary of a run that was refused for its inputs. Each mistake begins with an input\u2019s name. */
function mistakesSummary(mistakes, help) {
    const lines = mistakes
        .map(({ message }) => message.replace(/^([a-z-]+): /, '`$1` '))
        .map(text => `> - ${inline(text)}`);
    const title = `> **${(0,format/* count */.U9)(mistakes.length, 'input')} to correct.** Nothing was contacted, and nothing changed.`;
    return ['## \u2693 Berth', '', '> [!CAUTION]', title, '>', ...lines, '>', `> [What to do](${help})`, ''].join('\n');
}
function facts(outcome, { now, phases, taken }) {
    const { certificate, failure, loggedIn } = outcome;
    const total = phases.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    const users = people(outcome, taken);
    const rows = [
        ...(failure === undefined ? [['Server', state(outcome)]] : []),
        ...(certificate ? [['Certificate', validity(certificate, now)]] : []),
        ...(users === '' ? [] : [['Users', users]]),
        ...(loggedIn === undefined
            ? []
            : [['Docker', `logged in as <code>${html(loggedIn)}</code> until this job ends`]]),
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
function state({ steps, applied, looked, collected }) {
    if (collected)
        return 'not checked: this mode only deletes images';
    const changes = (0,format/* count */.U9)(steps.flatMap(({ changes }) => changes).length, 'change');
    if (looked === false)
        return 'not checked: this mode only pushes';
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
        // A run that failed may not have got that far.
        .filter(step => failure === undefined || taken.has(step))
        .flatMap(({ changes }) => changes);
    const words = applied
        ? { create: 'added', update: 'new password for', delete: 'revoked' }
        : { create: 'to add', update: 'new password for', delete: 'to revoke' };
    return ['create', 'update', 'delete']
        .map(action => ({
        action,
        names: [
            ...new Set(changes.flatMap(each => (each.action === action && each.subject ? [each.subject] : []))),
        ],
    }))
        .filter(({ names }) => names.length > 0)
        .map(({ action, names }) => `${words[action]} ${names.map(name => `<code>${html(name)}</code>`).join(' ')}`)
        .join('<br>');
}
/** Characters. The text comes from the image, which may name any number of platforms. */
const summary_maxPlatforms = 300;
function pushed({ domain, pushed }) {
    if (pushed.length === 0)
        return [];
    const mixed = pushed.some(({ known }) => known);
    const rows = pushed.map(({ repository, tags, platforms = [], bytes, known }) => [
        cellCode(repository),
        tags.map(cellCode).join(' '),
        ...(mixed ? [known ? 'there already' : 'pushed'] : []),
        cell(platforms.join(', ').slice(0, summary_maxPlatforms)),
        bytes === undefined ? '' : (0,format/* megabytes */.ix)(bytes),
    ]);
    return [
        mixed ? '### Images' : '### Pushed',
        table(['image', 'tags', ...(mixed ? ['this run'] : []), 'platforms', 'size'], rows),
        summary_shell(pushed.map(({ repository, tags }) => `docker pull ${domain}/${repository}:${tags[0]}`)),
        details('By digest, for a deployment that must not change by itself', summary_shell(pushed.map(({ repository, digest }) => `docker pull ${domain}/${repository}@${digest}`))),
    ];
}
function changes({ steps, applied, failure }, { taken }) {
    if (steps.length === 0)
        return [];
    const rows = steps.flatMap(step => step.changes.map(({ action, summary }, index) => [
        verbs[action],
        cell(place(step)),
        cell(summary),
        ...(applied ? [index > 0 && taken.has(step) ? '' : time(taken.get(step), failure)] : []),
    ]));
    const head = ['', 'resource', 'change', ...(applied ? ['time'] : [])];
    const title = applied ? 'Changed' : 'Would change';
    // A first run has many lines, and most people want to see what was pushed.
    const folded = rows.length > 8 && failure === undefined && applied;
    return folded
        ? [details(`${title}: ${(0,format/* count */.U9)(rows.length, 'line')}`, table(head, rows))]
        : [`### ${title}`, table(head, rows)];
}
const verbs = { create: '**+**', update: '**~**', delete: '**\u2212**' };
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
function summary_shell(lines) {
    return ['```sh', ...lines, '```'].join('\n');
}

;// CONCATENATED MODULE: ./build/action.js














const log = new Log(core, process.env);
/** The registry\u2019s name, once the inputs are known to be good. */
let domain = 'Berth';
/** Whether the mode changes anything. */
let applied = true;
/** Masks texts from now on: in the log, and in what goes to GitHub by another way. */
function mask(secrets) {
    for (const each of secrets)
        core.setSecret(each);
    hide(secrets);
}
const { debug } = log;
/** Runs the step. `begun` reads the inputs and starts to connect to the servers. */
async function run(begun, folder, cancelled) {
    let servers = [];
    try {
        const known = await begun;
        servers = known.servers;
        domain = known.inputs.desired.domain;
        applied = known.inputs.mode !== 'plan';
        known.inputs.warnings.forEach(log.warned);
        known.inputs.notes.forEach(log.said);
        await report(await work(known, folder, cancelled));
    }
    catch (error) {
        await reportFailure(error);
    }
    finally {
        await Promise.all(servers.map(server => server.close()));
    }
}
const modes = { up: up, plan: plan_plan, push: push, renew: renew, clean: clean, down: down };
function work({ inputs, pull, servers }, folder, cancelled) {
    return modes[inputs.mode](inputs, {
        folder,
        listener: log,
        beside: log.beside,
        servers,
        cancelled,
        group: log.group,
        leaves: file => core.saveState('trust', file),
        github: action_repository(pull),
    });
}
async function report(outcome) {
    core.setOutput('registry', outcome.domain);
    core.setOutput('changed', outcome.steps.length > 0 || log.taken.size > 0 || isCleaned(outcome));
    core.setOutput('plan', planJson(outcome.steps));
    core.setOutput('images', references(outcome).join('\n'));
    core.setOutput('digest', outcome.pushed[0]?.digest ?? '');
    core.setOutput('deleted', deletedJson(outcome));
    core.setOutput('freed', freedBytes(outcome));
    core.setOutput('certificate-expires', outcome.certificate?.validToDate.toISOString() ?? '');
    for (const [index, reference] of references(outcome).entries())
        log.said(`${outcome.pushed[index]?.known ? 'there already' : 'pushed'}: ${reference}`);
    if (outcome.failure === undefined)
        log.said(closing(outcome, Date.now(), performance.now()));
    else
        fail(outcome.failure);
    // Of a server that failed the outcome knows nothing, but something may have been done there.
    await summarize(outcome.failure ? { ...outcome, steps: log.steps } : outcome);
}
/** A failed run has no outcome, but it has a plan, and some of that may have been done. */
async function reportFailure(error) {
    if (error instanceof build_failure/* InputError */.dz) {
        error.mistakes.forEach(fail);
        await write(mistakesSummary(error.mistakes, helpFor(error.mistakes[0] ?? (0,build_failure/* asFailure */.h_)(error), process.env)));
    }
    else {
        const failure = (0,build_failure/* asFailure */.h_)(error);
        fail(failure);
        if (error instanceof Error)
            log.debug(error.stack ?? '');
        await summarize({ domain, steps: log.steps, applied, pushed: [], failure });
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
/** Adds to the job summary. A run by hand has none. */
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
