// A second verifier of log exports, written from docs/protocol.md (sections 1, 2, 3, 10 and 14) and nothing else. No package is
// needed: Node 24.6 or later has Ed25519 and ML-DSA-44.  node second_verifier.mjs FILE PIN|- KEPT|-  prints what it found.
// Left out, to stay short: keys other than Ed25519 count by their form, so a change of the witnesses and statements by ES256 and
// ES384 are refused; a file is read whole.
import { createHash, createPublicKey, verify as verifyRaw } from "node:crypto";
import { readFileSync } from "node:fs";
class Fault extends Error { constructor(code, message, index = null) { super(message); this.code = code; this.index = index; } }
const fail = (code, message, index) => { throw new Fault(code, message, index); }; const need = (condition, what = "not of the agreed form") => { if (!condition) throw new Error(what); };
const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest(); const hex = (data) => data.toString("hex"); const same = (a, b) => canonical(a) === canonical(b);
const SKEW = 5 * 60 * 1000, MAX_LINE = 4 * 1024 * 1024, MAX_ENTRIES = 50_000_000, MAX_CASES = 200_000; const HASH = /^[0-9a-f]{64}$/, ID = /^[0-9a-f]{32}$/, AGENCY = /^[a-z][a-z0-9-]{1,39}$/;
const SECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, MILLIS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
// --- section 1: encodings ---
function canonical(value, depth = 0) {
  need(depth <= 32, "nested too deep"); if (typeof value === "string") { need(value.isWellFormed(), "half characters"); return JSON.stringify(value); }
  if (typeof value === "number") { need(Number.isSafeInteger(value), "not a whole number"); return String(value); }
  if (value === null || typeof value === "boolean") return String(value); if (Array.isArray(value)) return `[${value.map((item) => canonical(item, depth + 1)).join(",")}]`;
  return `{${Object.keys(value).sort().map((name) => `${canonical(name)}:${canonical(value[name], depth + 1)}`).join(",")}}`; }
function parseCanonical(data) {
  const text = typeof data === "string" ? data : new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data); const value = JSON.parse(text);
  need(canonical(value) === text, "not canonical JSON"); return value; }
function decode(text, form, bytes = null) {
  need(typeof text === "string" && text.length < 400_000); const data = Buffer.from(text, form);
  need((form === "base64url" ? data.toString(form) : data.toString("base64")) === text && (bytes === null || data.length === bytes)); return data; }
const members = (value, names) => need(value !== null && typeof value === "object" && !Array.isArray(value) && Object.keys(value).sort().join() === [...names].sort().join(), "other members than expected");
const whole = (value, least = 0) => { need(Number.isSafeInteger(value) && value >= least); return value; };
function moment(text, form = SECONDS) { need(typeof text === "string" && form.test(text)); const at = Date.parse(text); need(!Number.isNaN(at) && new Date(at).toISOString().slice(0, 19) === text.slice(0, 19), "no real time"); return at; }
// --- RFC 9162 ---
const leafHash = (entry) => sha256("\x00", entry), nodeHash = (left, right) => sha256("\x01", left, right);
const proofOf = (list) => { need(Array.isArray(list) && list.length <= 63); return list.map((item) => decode(item, "base64", 32)); }; function climb(first, last, start, path) {
  let [fn, sn, old, next] = [BigInt(first), BigInt(last), start, start]; for (const hash of path) {
    need(sn !== 0n, "proof too long"); if (!(fn & 1n) && fn !== sn) next = nodeHash(next, hash);
    else {
      [old, next] = [nodeHash(hash, old), nodeHash(hash, next)]; while (!(fn & 1n) && fn) [fn, sn] = [fn >> 1n, sn >> 1n]; }
    [fn, sn] = [fn >> 1n, sn >> 1n]; }
  need(sn === 0n, "proof too short"); return [old, next]; }
function consistent(first, second, old, next, proof) {
  if (first === second) return need(!proof.length && old.equals(next), "two trees of one size"); need(first < second, "the tree shrank"); let [fn, sn] = [BigInt(first) - 1n, BigInt(second) - 1n];
  const path = (BigInt(first) & fn) === 0n ? [old, ...proof] : proof; need(path.length > 0, "empty proof"); while (fn & 1n) [fn, sn] = [fn >> 1n, sn >> 1n];
  const [fr, sr] = climb(fn, sn, path[0], path.slice(1)); need(fr.equals(old) && sr.equals(next), "not the beginning of it"); }
class Edge {
  peaks = []; size = 0; append(entry) {
    let node = leafHash(entry); for (let rest = this.size; rest % 2; rest = (rest - 1) / 2) node = nodeHash(this.peaks.pop(), node); this.peaks.push(node); this.size += 1; }
  get root() { return this.peaks.length ? this.peaks.slice(0, -1).reduceRight((node, peak) => nodeHash(peak, node), this.peaks.at(-1)) : sha256(""); } }
// --- notes, checkpoints, cosignatures (section 10.3 and C2SP) ---
const SPKI = { 1: "302a300506032b6570032100", 4: "302a300506032b6570032100", 6: "30820532300b06096086480165030403110382052100" };
const SMALL = [0n, 1n, -1n, 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826n, -0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826n]; const P = 2n ** 255n - 19n;
function edPoint(raw) { const y = BigInt(`0x${hex(Buffer.from(raw).reverse())}`) & (2n ** 255n - 1n); need(y < P && !SMALL.some((bad) => (bad + P) % P === y), "a point of small order"); }
const spki = (kind, raw) => createPublicKey({ key: Buffer.concat([Buffer.from(SPKI[kind], "hex"), raw]), format: "der", type: "spki" });
const nameOk = (name) => need(name.length > 0 && Buffer.byteLength(name) <= 255 && !/[\s+\x00-\x1f]/.test(name)); function vkey(text) {
  need(typeof text === "string" && text.length <= 4096 && text.split("+").length >= 3);
  const [name, id] = text.split("+", 2), material = decode(text.slice(name.length + id.length + 2), "base64"), kind = material[0], raw = material.subarray(1); nameOk(name);
  need(SPKI[kind] !== undefined && raw.length === (kind === 6 ? 1312 : 32)); if (kind !== 6) edPoint(raw); need(hex(sha256(name, "\n", material).subarray(0, 4)) === id, "its id is another");
  return { text, name, id, kind, raw, key: spki(kind, raw) }; }
function parseNote(note) {
  need(typeof note === "string" && Buffer.byteLength(note) <= 256 * 1024 && note.isWellFormed() && !/[\x00-\x09\x0b-\x1f]/.test(note)); const at = note.lastIndexOf("\n\n");
  need(at >= 0 && note.endsWith("\n")); const lines = note.slice(at + 2, -1).split("\n").map((line) => {
    const parts = line.startsWith("\u2014 ") && line.length <= 8192 ? line.slice(2).split(" ") : []; need(parts.length === 2); nameOk(parts[0]);
    const data = decode(parts[1], "base64"); need(data.length > 4); return { name: parts[0], id: hex(data.subarray(0, 4)), signature: data.subarray(4) };
  }); need(lines.length <= 64); return { text: note.slice(0, at + 1), lines }; }
function headOf(text) {
  const lines = text.replace(/\n$/, "").split("\n"); need(lines.length === 3 && /^[1-9][0-9]{0,15}$/.test(lines[1]));
  return { origin: lines[0], size: whole(Number(lines[1]), 1), root: decode(lines[2], "base64", 32), text: text.endsWith("\n") ? text : `${text}\n` }; }
const made = (key, line) => line.name === key.name && line.id === key.id; function verifyHead(note, logKey) {
  const { text, lines } = parseNote(note), own = lines.filter((line) => made(logKey, line)); need(logKey.kind === 1 && own.length > 0, "no line of the log key");
  for (const line of own) need(verifyRaw(null, Buffer.from(text), logKey.key, line.signature), "the log's line does not verify");
  const head = headOf(text); need(head.origin === logKey.name, "another origin"); return { ...head, lines }; }
function cosignedAt(head, line, key) {
  const time = line.signature.readBigUInt64BE(0), name = Buffer.from(key.name), origin = Buffer.from(head.origin), number = Buffer.alloc(16);
  need(time > 0n && time <= 253402214400n && line.signature.length > 8); number.writeBigUInt64BE(BigInt(head.size), 8); const message = key.kind === 4 ? Buffer.from(`cosignature/v1\ntime ${time}\n${head.text}`)
    : Buffer.concat([Buffer.from("subtree/v1\n\0"), Buffer.of(name.length), name, line.signature.subarray(0, 8), Buffer.of(origin.length), origin, number, head.root]);
  need(verifyRaw(null, message, key.key, line.signature.subarray(8)), "a cosignature does not verify"); return Number(time) * 1000; }
function witnessSet(body) {
  need(Number.isSafeInteger(body.quorum) && Array.isArray(body.witnesses) && body.witnesses.length >= 1 && body.witnesses.length <= 31); const list = body.witnesses.map((item) => {
    members(item, ["agency", "name", "ed25519", "mldsa44"]); const keys = [vkey(item.ed25519), vkey(item.mldsa44)];
    need(AGENCY.test(item.agency) && keys[0].kind === 4 && keys[1].kind === 6 && keys.every((key) => key.name === item.name) && item.name.endsWith(`/witness/${item.agency}`));
    return { agency: item.agency, name: item.name, keys, said: item };
  }); const n = list.length, f = Math.floor((n - 1) / 3), q = body.quorum; need(2 * q > n + f && q <= n - f, "no quorum that could hold");
  for (const of of [(item) => item.agency, (item) => item.keys[0].text.split("+").pop(), (item) => item.keys[1].text.split("+").pop()]) need(new Set(list.map(of)).size === n);
  const said = { quorum: q, witnesses: list.map((item) => item.said) }; return { quorum: q, faulty: f, list, said, digest: hex(sha256(canonical(said))) }; }
// --- sections 2 and 3: keys and statements ---
const FORMS = { OKP: ["crv", "x"], EC: ["crv", "x", "y"], AKP: ["pub"] };
function jwk(value) { // A key that verifies statements here is an Ed25519 one; of any other the form is enough.
  const form = FORMS[value?.kty]; need(form); members(value, ["kty", "alg", ...form]); form.forEach((name) => need(typeof value[name] === "string"));
  if (value.alg === "Ed25519") edPoint(decode(value.x, "base64url", 32)); const named = Object.fromEntries(Object.entries(value).filter(([name]) => name !== "alg" || value.kty === "AKP"));
  return { alg: value.alg, kid: sha256(canonical(named)).toString("base64url"), key: value.alg === "Ed25519" ? createPublicKey({ key: value, format: "jwk" }) : null }; }
function peek(token, limit = 256 * 1024) {
  need(typeof token === "string" && token.length <= limit); const parts = token.split("."); need(parts.length === 3);
  const [header, payload, signature] = parts.map((part) => decode(part, "base64url")), head = parseCanonical(header); members(head, ["alg", "kid", "typ"]);
  return { ...head, said: parseCanonical(payload), signature, input: Buffer.from(`${parts[0]}.${parts[1]}`) }; }
function verifyJws(jws, key, typ) { need(key.alg === "Ed25519" && jws.typ === typ && jws.kid === key.kid && jws.alg === key.alg, "not by the expected key"); need(verifyRaw(null, jws.input, key.key, jws.signature), "the signature does not verify"); return jws.said; }
const STATEMENTS = { agency: "agency kind name root", certificate: "agency use key member roles not_before not_after", revocation: "agency key valid_until reason",
  "console-access": "agency member provider subject_sha256 not_before not_after", "bundle-approval": "member bundle version replaces",
  retention: "case closed_at content_until record_until rule", erasure: "case scope rule reason fragments", "erasure-confirmation": "case erasure" };
function statement(token, kind, keyOf) {
  const jws = peek(token); members(jws.said, ["id", "issuer", "issued_at", "checkpoint", ...STATEMENTS[kind].split(" ")]); need(ID.test(jws.said.id) && AGENCY.test(jws.said.issuer)); moment(jws.said.issued_at);
  const said = verifyJws(jws, keyOf(jws), `nrmhub-${kind}+jws`); return { ...said, kid: jws.kid, token }; }
// --- section 14.4: public entries that count ---
const USES = { signing: ["Ed25519", "ES256", "ES384"], intake: ["HPKE-9-KE"], archive: ["HPKE-9-KE"], witness: ["Ed25519"], "witness-pq": ["ML-DSA-44"], "member-signing": ["Ed25519"], "member-hpke": ["HPKE-9-KE"] };
const DAY = 24 * 3600 * 1000, RULE = /^[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?$/;
class Public {
  agencies = new Map(); roots = new Map(); certs = []; revoked = new Map(); voices = new Map(); officers = null; officerSets = new Set(); sets = []; bundle = null; logKeys = [];
  constructor(origin, logKey, heard) { this.origin = origin; this.logKey = logKey; this.heard = heard; }
  // What ended a certificate's key: its own revocation, or its root's. `from`: the hub took nothing more; `until`: it counts no more.
  ended(cert) {
    const found = [cert.key.kid, cert.root].map((kid) => this.revoked.get(kid)).filter(Boolean); if (!found.length) return null;
    return { from: Math.min(...found.map((item) => item.from)), until: Math.min(...found.map((item) => item.until)) }; }
  of(kid) { return this.certs.filter((item) => item.key.kid === kid); } holder(kid) { const [cert] = this.of(kid); return cert && `${cert.agency} ${cert.member}`; }
  // The key of a statement, where it counts for a use, an agency and a member at a time; `taken`: where it stood when the hub took it.
  key(jws, use, agency, member, at, taken = null) {
    const cert = this.of(jws.kid).find((item) => item.use === use && item.agency === agency && item.member === member && item.from <= at && at < item.to && (this.ended(item) === null || (taken !== null && taken < this.ended(item).from)));
    need(cert, "a key that does not count"); return cert.key; }
  officer(agency, member, at) {
    const newest = ["member-signing", "member-hpke"].map((use) => this.certs.findLast((item) => item.use === use && item.agency === agency && item.member === member && item.from <= at && at < item.to && !this.ended(item)));
    need(newest.every(Boolean) && newest[0].roles.includes("ig_officer"), "no information governance officer"); }
  signed(tokens, said, typ, people, most) {
    need(Array.isArray(tokens) && tokens.length <= most, "expected a list of signatures"); const who = tokens.map((token) => {
      const jws = peek(token, 4096), officer = [...people].find(([, key]) => key.kid === jws.kid); need(officer, "by no officer");
      const got = verifyJws(jws, officer[1], typ); members(got, [...Object.keys(said), "officer", "signed_at"]); moment(got.signed_at);
      need(got.officer === officer[0] && Object.keys(said).every((name) => same(got[name], said[name])), "of something else"); return officer[0];
    }); need(new Set(who).size === who.length, "one signed twice"); return new Set(who); }
  take(body, index) { need(this[`take_${body.type}`]); this[`take_${body.type}`](body, index, moment(body.at, MILLIS)); }
  take_genesis(body) { need(this.bundle === null && HASH.test(body.bundle) && whole(body.version, 1) <= 1e6); this.bundle = { digest: body.bundle, version: body.version }; }
  take_officers(body) {
    need(Array.isArray(body.officers) && body.officers.length >= 2 && body.officers.length <= 20);
    const wanted = new Map(body.officers.map((item) => { members(item, ["officer", "key"]); need(ID.test(item.officer) && item.key.alg === "Ed25519"); return [item.officer, jwk(item.key)]; }));
    need(same([...wanted.keys()].sort(), body.officers.map((item) => item.officer)) && new Set([...wanted.values()].map((key) => key.kid)).size === body.officers.length);
    const old = this.officers?.people ?? new Map(), digest = hex(sha256(canonical(body.officers))), previous = this.officers?.digest ?? null;
    need(body.previous === previous && [...wanted].every(([id, key]) => !old.has(id) || old.get(id).kid === key.kid), "the set does not follow");
    const signed = this.signed(body.signatures, { log: this.origin, officers: digest, previous }, "nrmhub-officers+jws", new Map([...old, ...wanted]), 40);
    need([...wanted.keys()].every((id) => old.has(id) || signed.has(id)) && (previous === null || [...old.keys()].filter((id) => signed.has(id)).length >= 2), "signatures are missing");
    this.officers = { people: wanted, digest }; this.officerSets.add(digest); }
  two(tokens, said, typ) { need(this.officers, "no officers yet"); need(this.signed(tokens, said, typ, this.officers.people, 2).size === 2, "expected two officers"); }
  take_agency(body) {
    const said = statement(body.statement, "agency", (jws) => jwk(jws.said.root)), root = jwk(said.root), old = this.agencies.get(said.agency);
    need(root.alg === "Ed25519" && said.issuer === said.agency && typeof said.name === "string" && said.name.length >= 1 && [...said.name].length <= 120);
    need((!old || (this.revoked.has(old.root.kid) && old.kind === said.kind)) && !this.roots.has(root.kid) && !this.of(root.kid).length, "a second root, or a key of before"); need(HASH.test(body.request));
    this.agencies.set(said.agency, { root, kind: said.kind }); this.roots.set(root.kid, { agency: said.agency, key: root }); this.latest = { agency: said.agency, isFirst: !old, print: hex(sha256(canonical(said.root))) };
    this.two(body.officers, { log: this.origin, agency: said.agency, root: root.kid, request: body.request }, "nrmhub-enrolment+jws"); }
  take_certificate(body) {
    const said = statement(body.statement, "certificate", (jws) => { const root = this.roots.get(jws.kid); need(root?.agency === jws.said.issuer && !this.revoked.has(jws.kid)); return root.key; });
    const key = jwk(said.key), from = moment(said.not_before), to = moment(said.not_after), isMember = said.use.startsWith("member-");
    need(USES[said.use]?.includes(key.alg) && said.agency === said.issuer && (said.member === null || ID.test(said.member)) && (said.member !== null) === isMember && Array.isArray(said.roles) && (said.roles.length > 0) === isMember);
    need(same(said.roles, [...new Set(said.roles)].sort()) && !said.roles.includes("intake") && from < to && !this.roots.has(key.kid));
    need([undefined, `${said.agency} ${said.member}`].includes(this.holder(key.kid)), "somebody else's key"); this.certs.push({ key, use: said.use, agency: said.agency, member: said.member, roles: said.roles, from, to, root: said.kid });
  }
  take_revocation(body, index) {
    const { kid: by, said } = peek(body.statement), { agency, key, issuer } = said, until = said.valid_until ?? index, root = this.roots.get(key), signer = this.roots.get(by);
    const holder = root ? `${root.agency} null` : this.holder(key), isOwn = issuer === agency; need(typeof key === "string" && key.length === 43 && AGENCY.test(agency) && (root ? root.agency === agency : holder?.startsWith(`${agency} `)), "a key of somebody else");
    const may = (cert) => cert.agency === issuer && !this.ended(cert) && ((cert.use === "signing" && isOwn === !root) || (cert.use === "member-signing" && !root && holder === `${agency} ${cert.member}`));
    const verifying = signer && signer.agency === issuer && isOwn && !this.revoked.has(by) ? signer.key : this.of(by).find(may)?.key; need(verifying, "it may not revoke this key"); statement(body.statement, "revocation", () => verifying);
    need(whole(until) <= index && ["superseded", "lost", "compromised", "left"].includes(said.reason) && (said.reason !== "superseded" || (until === index && !root)), "its position or reason");
    const signs = this.of(key).some((item) => ["signing", "member-signing"].includes(item.use)), isPersons = this.of(by).some((item) => item.member !== null) && this.holder(by) === this.holder(key);
    need(until === index || ((!root || isOwn) && (!signs || signer || isPersons)), "it may not date this back"); if (!isOwn) {
      if (this.heard && !this.heard.includes(issuer)) return;
      const voices = new Map(this.voices.get(key)).set(issuer, { by, index }); this.voices.set(key, voices);
      const counted = [...voices.values()].filter((voice) => this.of(voice.by).some((cert) => !this.ended(cert) || voice.index < this.ended(cert).until));
      if (counted.length < Math.max(2, Math.floor([...this.agencies.keys()].filter((name) => name !== agency).length / 2) + 1)) return; }
    const old = this.revoked.get(key) ?? { from: index, until }; this.revoked.set(key, { from: Math.min(old.from, index), until: Math.min(old.until, until) }); }
  take_bundle(body, index, at) {
    const set = this.sets.at(-1), { bundle, version, replaces } = body; need(set && Array.isArray(body.approvals) && body.approvals.length <= 31 && replaces === this.bundle.digest && HASH.test(bundle) && bundle !== replaces && whole(version) > this.bundle.version && version <= 1e6, "it does not follow");
    const voices = body.approvals.map((token) => {
      const said = statement(token, "bundle-approval", (jws) => this.key(jws, "member-signing", jws.said.issuer, jws.said.member, at)); need(set.list.some((item) => item.agency === said.issuer) && said.bundle === bundle && said.version === version && said.replaces === replaces, "of something else");
      this.officer(said.issuer, said.member, at); return said.issuer;
    }); need(new Set(voices).size === voices.length && voices.length >= set.quorum, "too few approvals"); this.bundle = { digest: bundle, version }; }
  take_console_access(body, index, at) {
    const said = statement(body.statement, "console-access", (jws) => this.key(jws, "signing", jws.said.issuer, null, at)), [from, to] = [moment(said.not_before), moment(said.not_after)];
    need(said.issuer === said.agency && ID.test(said.member) && /^https?:\/\/[!-~]*$/.test(said.provider) && said.provider.length <= 500 && HASH.test(said.subject_sha256) && from <= to && to - from <= 366 * DAY); if (to > at) this.officer(said.agency, said.member, at);
  }
  // Section 10.2, erased entries: returns the numbers and positions it takes. `places`: where words on keeping a case stand.
  erased(body, index, places) {
    const at = moment(body.at, MILLIS), { scope, statements, entries } = body; need(["fragments", "content", "record"].includes(scope) && Array.isArray(statements) && [1, 2].includes(statements.length) && Array.isArray(entries) && entries.length <= 20000);
    const words = statements.map((token) => {
      const { said: { issuer, issued_at }, typ } = peek(token), digest = hex(sha256(token)), kind = typ.replace(/^nrmhub-|\+jws$/g, ""); need(["retention", "erasure", "erasure-confirmation"].includes(kind));
      const said = statement(token, kind, (jws) => this.key(jws, "signing", issuer, null, moment(issued_at), Math.min(index, places.get(digest) ?? index))); need(said.case === body.case && (kind === "erasure-confirmation" || RULE.test(said.rule)));
      return { ...said, kind, digest, at: moment(issued_at) };
    }); const [first, second] = words, pairs = entries.map(([number, position, ...more]) => { need(!more.length && whole(number) >= 0 && whole(position) < index); return [number, position]; }); need(body.agency === first.issuer);
    if (first.kind === "retention") {
      const [closed, content, record] = ["closed_at", "content_until", "record_until"].map((name) => moment(first[name]));
      need(!second && closed <= first.at && content - first.at >= 28 * DAY && record >= content && ((scope === "content" && content <= at) || (scope === "record" && record <= at)), "its date has not come"); return pairs;
    }
    need(first.kind === "erasure" && first.scope === scope && ["retention_ended", "shared_in_error", "wrong_person", "erasure_right", "court_order"].includes(first.reason) && Array.isArray(first.fragments) && first.fragments.length <= 1000 && (scope === "fragments") === first.fragments.length > 0);
    first.fragments.forEach((item) => { members(item, ["fragment", "sha256", "index"]); need(ID.test(item.fragment) && HASH.test(item.sha256)); whole(item.index); }); need(new Set(first.fragments.map((item) => item.fragment)).size === first.fragments.length);
    const sorted = (list) => list.sort((a, b) => a - b).join(); if (scope === "fragments") need(!second && sorted(pairs.map((pair) => pair[1])) === sorted(first.fragments.map((item) => item.index)), "others than were signed for");
    else need(second?.kind === "erasure-confirmation" && second.erasure === first.digest && second.issuer !== first.issuer && second.at - first.at >= -SKEW && second.at - first.at <= 14 * DAY, "no second agency agreed"); return pairs;
  }
  take_witnesses(body) { need(!this.sets.length && Array.isArray(body.approvals), "another set: not followed here"); this.sets.push(witnessSet(body)); }
  take_log_key(body) {
    const [key, previous] = [vkey(body.key), vkey(body.previous)]; need([key, previous].every((item) => item.name === this.origin && item.kind === 1) && ["superseded", "lost", "compromised"].includes(body.reason));
    this.two(body.signatures, { log: this.origin, key: body.key, previous: body.previous, reason: body.reason }, "nrmhub-log-key+jws");
    need(previous.text === this.logKey.text && ![previous.id, ...this.logKeys].includes(key.id), "it does not follow"); this.logKeys.push(previous.id, key.id); this.logKey = key;
  } }
// --- sections 10.2 and 14: bodies, lines, the check ---
const DOCUMENT = "statement decision", BODIES = { genesis: "origin bundle version", officers: "officers previous signatures", agency: "statement request officers", certificate: "statement", revocation: "statement", console_access: "statement",
  witnesses: "quorum witnesses approvals", log_key: "key previous reason signatures", bundle: "bundle version replaces approvals", channel: "statement channel recipient recipient_agency recipient_member", fragment: "fragment sha256 category handling archive",
  disclosure: "statement channel recipient_agency recipient_member items overrides decision", void: "statement channel", viewed: "member purpose statement fragments refused decision", retrieved: "statement after fragments channels numbers", audited: "member access entries", erased: "scope entries statements",
  denied: "member act statement code rules lines", exported: "what member access entries bodies sha256" };
for (const kind of "membership acceptance endorsement departure consent refusal exclusion break_glass emergency emergency_review retention".split(" ")) BODIES[kind] = DOCUMENT;
const PUBLIC = new Set("genesis officers agency certificate revocation console_access witnesses log_key bundle".split(" ")), OPTIONAL = new Set(["denied", "exported"]);
function readBody(text, isPublic) {
  need(Buffer.byteLength(text) <= (isPublic ? 65534 : 1024 * 1024), "too large"); const body = parseCanonical(text), of = Object.hasOwn(BODIES, body?.type) && BODIES[body.type];
  need(of && PUBLIC.has(body.type) === isPublic, "of no type that stands like this"); const inCase = !isPublic && (!OPTIONAL.has(body.type) || "case" in body);
  members(body, ["type", "at", ...of.split(" "), ...(isPublic ? [] : ["agency"]), ...(inCase ? ["case", "case_seq", "previous"] : [])]);
  need(MILLIS.test(body.at) && (!inCase || (ID.test(body.case) && whole(body.case_seq, 1) && (body.case_seq === 1 ? body.previous === null : HASH.test(body.previous))))); return body;
}
const LINES = { export: "format origin made_at scope size head log_key", entry: "index body salt digest case case_seq inclusion", head: "size note consistency", link: "size consistency", end: "entries heads links" };
function* linesOf(path) {
  const data = readFileSync(path); for (let start = 0, number = 1; start < data.length; number += 1) {
    const end = data.indexOf(10, start); if ((end < 0 ? data.length : end) - start >= MAX_LINE || number > MAX_ENTRIES) fail("too_large", `line ${number} is beyond the limits`);
    if (end < 0) fail("truncated", "the last line has no end"); yield [data.subarray(start, end), number]; start = end + 1; } }
function parseLine(data, number) {
  try {
    const line = parseCanonical(data); need(Object.hasOwn(LINES, line?.kind)); members(line, ["kind", ...LINES[line.kind].split(" ")]);
    for (const name of ["size", "index", "entries", "heads", "links"]) if (name in line) whole(line[name], name === "size" ? 1 : 0);
    for (const name of ["inclusion", "consistency"]) if (name in line) line[name] = line[name] === null && line.kind !== "link" ? null : proofOf(line[name]);
    if (line.kind === "head") need(typeof line.note === "string" && line.note.length <= 256 * 1024);
    if (line.kind === "export") {
      const { scope } = line; members(scope, ["kind", "case", "agency", "first", "last"]); moment(line.made_at);
      need(line.format === "nrmhub-log-export-1" && ["log", "case", "agency"].includes(scope.kind) && whole(scope.first) <= whole(scope.last) && scope.last < line.size && [line.origin, line.head, line.log_key].every((text) => typeof text === "string" && text));
      need((scope.kind === "case" ? ID.test(scope.case) : scope.case === null) && (scope.kind === "agency" ? AGENCY.test(scope.agency) : scope.agency === null)); }
    if (line.kind === "entry") {
      const isGone = line.body === null;
      need((line.case === null) === (line.case_seq === null) && (isGone ? HASH.test(line.digest) && line.salt === null : typeof line.body === "string" && line.digest === null && line.case === null));
      if (line.case !== null) need(ID.test(line.case) && whole(line.case_seq, 1)); line.isPublic = !isGone && line.salt === null;
      line.entry = line.isPublic ? Buffer.from(`\x01${line.body}`) : Buffer.concat([Buffer.of(2), isGone ? Buffer.from(line.digest, "hex") : sha256(decode(line.salt, "base64url", 32), line.body)]);
    }
    return line;
  } catch (error) { return error instanceof Fault ? fail(error.code, error.message) : fail("malformed", `line ${number}: ${error.message}`); } }
class Check {
  last = -1; lastHead = 0; counts = { entry: 0, head: 0, link: 0 }; edge = new Edge(); cases = new Map(); gone = new Map(); words = new Map(); newest = -Infinity; newestIndex = null; notBefore = -Infinity; hasCase = false;
  constructor(pin, kept) { this.pin = pin; this.kept = kept; }
  run(path) {
    const lines = linesOf(path), next = () => { const { value, done } = lines.next(); return done ? fail("truncated", "no last line") : parseLine(...value); };
    const first = lines.next(), header = first.done ? null : parseLine(...first.value); if (header?.kind !== "export") fail("malformed", "no first line"); this.begin(header);
    for (let line = next(); line.kind !== "end" || this.end(line); line = next()) {
      if (line.kind === "export") fail("malformed", "a second first line"); this[line.kind](line); this.counts[line.kind] += 1; }
    const more = lines.next(); if (!more.done) { parseLine(...more.value); fail("malformed", "the file goes on after its end"); } this.close(); }
  begin(header) {
    this.h = header; this.isWhole = header.scope.kind === "log" && header.scope.first === 0 && header.scope.last === header.size - 1;
    if ([this.pin, this.kept].some((given) => given && given.origin !== header.origin)) fail("pin_differs", "another origin"); let head, logKey;
    try { head = headOf(parseNote(header.head).text); logKey = vkey(header.log_key); } catch (error) { fail("head_unsigned", error.message); }
    if (head.origin !== header.origin || head.size !== header.size) fail("head_differs", "the newest head is of another log or size");
    if (this.kept && this.kept.size > header.size) fail("tail_missing", "a larger head was kept"); this.root = head.root; this.public = new Public(header.origin, logKey, this.pin && Object.keys(this.pin.roots));
  }
  try(code, index, act) { try { return act(); } catch (error) { return error instanceof Fault ? fail(error.code, error.message, error.index) : fail(code, error.message, index); } }
  inside(index) { return index >= this.h.scope.first && index <= this.h.scope.last; }
  belongs(line, of, type) {
    const { kind } = this.h.scope; if (line.isPublic) return; const fits = { log: line.body === null && of === null, case: of === this.h.scope.case, agency: of !== null }[kind];
    if (!(this.inside(line.index) || (kind !== "log" && ["erased", "retention"].includes(type))) || !fits) fail("malformed", "it does not belong in a file of this scope", line.index); if (of === this.h.scope.case) this.hasCase = true;
  }
  entry(line) {
    const { index } = line, { scope, size } = this.h;
    if (index <= this.last || index >= size || index < this.lastHead || (line.inclusion === null) !== this.isWhole) fail("malformed", "another place than its own, or no proof", index);
    const expected = Math.max(this.last + 1, scope.first); if (scope.kind === "log" && index > expected && expected <= scope.last) fail("entry_missing", "left out", expected);
    if (this.last < 0 && (index > 0 || !line.isPublic)) fail("entry_missing", "the first entry", 0); this.last = index; if (line.body === null) this.belongs(line, line.case);
    if (this.isWhole) {
      this.edge.append(line.entry); if (this.kept?.size === this.edge.size && !this.kept.root.equals(this.edge.root)) fail("fork", "not the kept head");
    } else this.try("entry_changed", index, () => need(climb(index, size - 1, leafHash(line.entry), line.inclusion)[1].equals(this.root), "it does not lead to the root"));
    if (line.body === null) { if (line.case !== null) { this.chain(line.case, line.case_seq, undefined, line); this.gone.set(`${line.case} ${line.case_seq}`, index); } return; }
    const body = this.try("body_malformed", index, () => readBody(line.body, line.isPublic)); this.belongs(line, body.case ?? null, body.type);
    if ("case" in body && this.inside(index)) this.chain(body.case, body.case_seq, body.previous, line); if (body.type === "retention") this.words.set(body.statement, index);
    if (body.type === "erased") for (const [number, position] of this.try("erasure_unproven", index, () => this.public.erased(body, index, this.words))) if (this.gone.get(`${body.case} ${number}`) === position) this.gone.delete(`${body.case} ${number}`);
    this.try("time_implausible", index, () => {
      const at = moment(body.at, MILLIS); need(at >= this.newest - SKEW && at >= this.notBefore - SKEW, "dated back"); if (at > this.newest) { this.newest = at; this.newestIndex = index; }
    });
    if (line.isPublic) this.try("not_authorised", index, () => { need((body.type === "genesis") === (index === 0) && (index > 0 || body.origin === this.h.origin)); this.public.take(body, index); });
    const { latest } = this.public, pinned = body.type === "agency" && this.pin?.roots[latest.agency];
    if (pinned && latest.isFirst && !pinned.split("+").some((print) => print.replace(/\s/g, "").toLowerCase() === latest.print)) fail("pin_differs", "another root than the pinned one", index);
  }
  chain(of, number, previous, line) {
    const before = this.cases.get(of); if (!before && this.cases.size >= MAX_CASES) fail("too_large", "too many cases", line.index);
    const isNext = before ? number === before.number + 1 : number === 1 || this.h.scope.first > 0, linked = previous === undefined || previous === (before?.leaf ?? null) || (!before && number > 1);
    if (!isNext || !linked) fail("chain_broken", "the case has a gap", line.index); this.cases.set(of, { number, leaf: hex(leafHash(line.entry)) }); }
  head(line) { if (line.size <= this.lastHead || line.size > this.h.size || this.last >= line.size || (line.consistency === null) !== this.isWhole) fail("malformed", "a head at another place than its own, or no proof"); this.lastHead = line.size; this.judge(line.note, line.size, line.consistency); }
  judge(note, size, proof) {
    const head = this.try("head_unsigned", null, () => verifyHead(note, this.public.logKey)); if (head.size !== size || head.origin !== this.h.origin) fail("head_differs", "of another size or log");
    if (this.isWhole) this.missing(size);
    this.try("head_differs", null, () => (this.isWhole ? need(head.root.equals(this.edge.root), "not the entries' root") : proof && consistent(size, this.h.size, head.root, this.root, proof)));
    const times = this.try("quorum_missing", null, () => this.times(head)), set = this.public.sets.at(-1);
    if (this.newest - SKEW > times[set.faulty]) fail("time_implausible", "dated after witnesses had seen it", this.newestIndex);
    this.notBefore = Math.max(this.notBefore, times[times.length - set.quorum]); if (this.kept?.size === size && !this.kept.root.equals(head.root)) fail("fork", "not the kept head");
  }
  times(head) {
    const set = this.public.sets.at(-1), times = new Map(); need(set, "no witnesses"); for (const line of head.lines) for (const { keys } of set.list) for (const key of keys) if (made(key, line)) {
      const at = cosignedAt(head, line, key); if (key.kind === 6) times.set(key.name, Math.max(at, times.get(key.name) ?? at)); }
    need(times.size >= set.quorum, "too few cosignatures"); return [...times.values()].sort((a, b) => a - b); }
  link(line) { if (line.size > this.h.size) fail("malformed", "a proof from a larger log"); if (this.kept?.size === line.size) this.try("fork", null, () => consistent(line.size, this.h.size, this.kept.root, this.root, line.consistency)); }
  end(line) { return line.entries === this.counts.entry && line.heads === this.counts.head && line.links === this.counts.link ? false : fail("truncated", "it counts something else"); }
  missing(size) { if (this.last + 1 < size) fail("entry_missing", "left out", Math.max(this.last + 1, this.h.scope.first)); }
  close() {
    const { scope, size, head } = this.h, { pin } = this; if (scope.kind === "log") this.missing(scope.last + 1);
    if (scope.kind === "case" && !this.hasCase) fail("entry_missing", "no entry of the case"); result.unexplained = this.gone.size; const [lost] = [...this.gone.values()].sort((a, b) => a - b); if (scope.kind === "case" && lost !== undefined) fail("erasure_unproven", "nothing says that it was erased", lost); this.judge(head, size, null);
    if (pin) this.try("pin_differs", null, () => { verifyHead(head, vkey(pin.log_vkey)); need(this.public.sets.some((set) => same(set.said, pin.witnesses)) && this.public.officerSets.has(pin.officers), "witnesses or officers"); });
  } }
const [path, pinPath, keptPath] = process.argv.slice(2), result = { verdict: "unpinned", code: null, index: null, message: "", unexplained: 0 }; try {
  const pin = pinPath === "-" ? null : JSON.parse(readFileSync(pinPath)), kept = keptPath === "-" ? null : readFileSync(keptPath, "utf-8");
  if (pin) { members(pin, ["issuer", "origin", "log_vkey", "witnesses", "officers", "roots", "protocol"]); result.verdict = "holds"; }
  new Check(pin, kept && headOf(kept.includes("\n\n") ? parseNote(kept).text : kept)).run(path);
} catch (error) { Object.assign(result, { verdict: "does_not_hold", code: error.code ?? "internal", index: error.index ?? null, message: error.stack }); }
console.log(JSON.stringify(result));
