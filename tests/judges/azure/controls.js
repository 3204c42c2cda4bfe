// Whether the judge of descriptions.js finds anything at all: each control spoils one thing in a good recording.
//
//   NODE_PATH=<folder with oav>/node_modules node controls.js DESCRIPTIONS TRAFFIC.har
//
// TRAFFIC.har is that of the Azure CLI scripts. Exit status: 0 every fault was found, 1 one was not, 2 it could not be tried.

const fs = require("fs");
const { load, judgeAll } = require("./descriptions/judge.js");

const [folder, file] = process.argv.slice(2);

const isSet = (entry) => /\/diskEncryptionSets\/[^/]+\?/.test(entry.request.url);
const isPoll = (entry) => /\/DiskOperations\//.test(entry.request.url) && !/monitor=true/.test(entry.request.url);
const says = (entry, text) => (entry.response.content.text || "").includes(text);

// The name of a fault, where it is put, and how.
const CONTROLS = [
  ["an unknown property of a set", (e) => isSet(e) && e.request.method === "GET", (body) => (body.properties.keyName = "k")],
  ["a set without a key's URL", (e) => isSet(e) && e.request.method === "GET", (body) => delete body.properties.activeKey.keyUrl],
  ["a number for a text", (e) => isSet(e) && e.request.method === "GET", (body) => (body.location = 7)],
  ["an unknown property of an operation", isPoll, (body) => (body.state = "x")],
  ["an operation under another's name", isPoll, (body) => (body.name = "another")],
  ["an operation in no known state", isPoll, (body) => (body.status = "Running")],
  ["an end with an unknown property", (e) => isPoll(e) && says(e, "output"), (body) => (body.properties.output.size = 1)],
  ["a refusal of a disk in another envelope", (e) => /\/disks\//.test(e.request.url) && e.response.status === 409,
    (body) => (body.error.reason = "x")],
  ["a machine without a region", (e) => /\/virtualMachines\/[^/?]+\?/.test(e.request.url) && e.response.status === 200,
    (body) => delete body.location],
  ["a key without its kid's type", (e) => /\/keys\/.*create/.test(e.request.url) && e.response.status === 200,
    (body) => (body.key.kid = 1)],
];

async function main() {
  const say = process.stdout.write.bind(process.stdout);
  process.stdout.write = () => true;
  const loaded = await load(folder);
  const recorded = fs.readFileSync(file, "utf8");
  const findings = async (har, run) => {
    const { exchanges, missed } = await judgeAll(loaded, har, run);
    return exchanges.filter(({ found }) => found.length).length + missed.length;
  };
  const missed = [];
  const tried = async (name, har, run) => (await findings(har, run)) || missed.push(name);
  for (const [name, where, spoil] of CONTROLS) {
    const har = JSON.parse(recorded);
    const entry = har.log.entries.find(where);
    if (!entry) throw new Error(`nothing recorded to spoil: ${name}`);
    const body = JSON.parse(entry.response.content.text);
    spoil(body);
    entry.response.content.text = JSON.stringify(body);
    await tried(name, har);
  }
  const astray = JSON.parse(recorded);
  astray.log.entries.find(isPoll).request.url += "&x=1";
  await tried("an operation at an address that nobody has named", astray);
  const bare = JSON.parse(recorded);
  const accepted = bare.log.entries.find((entry) => isSet(entry) && entry.response.status === 202);
  accepted.response.headers = [];
  await tried("an accepted write that says nowhere how it goes on", bare);
  await tried("an exception that does not occur", { log: { entries: [] } }, "azure");
  for (const name of missed) say(`MISSED  ${name}\n`);
  say(`${CONTROLS.length + 3 - missed.length} of ${CONTROLS.length + 3} planted faults were found\n`);
  process.exit(missed.length ? 1 : 0);
}

main().catch((error) => {
  process.stderr.write(`could not try: ${error.stack}\n`);
  process.exit(2);
});
