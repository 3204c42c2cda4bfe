// Judges recorded traffic by Microsoft's published API descriptions, with Microsoft's own validator (oav), offline.
//
//   NODE_PATH=<folder with oav>/node_modules node descriptions.js DESCRIPTIONS TRAFFIC.har [--run NAME] [-v]
//
// DESCRIPTIONS holds `specification/`, laid out as in Microsoft's repository azure-rest-api-specs. Looked at are
// management.azure.com and *.vault.azure.net. NAME says what was recorded, so that exceptions which should occur in it are
// missed if they do not. Exit status: 0 nothing found, 1 something found, 2 it could not be judged.

const fs = require("fs");
const { load, judgeAll } = require("./descriptions/judge.js");

const [folder, file, ...flags] = process.argv.slice(2);
if (!folder || !file) {
  console.error("usage: descriptions.js DESCRIPTIONS TRAFFIC.har [--run NAME] [-v]");
  process.exit(2);
}
const verbose = flags.includes("-v");
const run = flags.includes("--run") ? flags[flags.indexOf("--run") + 1] : undefined;

async function main() {
  const say = process.stdout.write.bind(process.stdout);
  process.stdout.write = () => true; // oav talks; only findings are printed
  const { exchanges, used, missed } = await judgeAll(await load(folder), JSON.parse(fs.readFileSync(file, "utf8")), run);
  for (const { name, by, found } of exchanges) {
    if (verbose && !found.length) say(`ok     ${name}, by ${by}\n`);
    if (found.length) say(`FOUND  ${name}\n`);
    for (const error of found)
      say(`       ${error.side} ${error.code}: ${error.message} at ${(error.pathsInPayload || [])[0]}\n`);
  }
  for (const { reason } of missed) say(`FOUND  an exception that does not occur any more: ${reason}\n`);
  const described = exchanges.filter(({ by }) => by === "description").length;
  const withFindings = exchanges.filter(({ found }) => found.length).length;
  say(
    `${described} exchanges judged by Microsoft's descriptions, ${exchanges.length - described} without one at hand by what ` +
      `all answers of Resource Manager have in common, ${withFindings} with findings; ${used.size} exceptions were of use, ` +
      `${missed.length} were not\n`,
  );
  process.exit(exchanges.length === 0 ? 2 : withFindings || missed.length ? 1 : 0);
}

main().catch((error) => {
  process.stderr.write(`could not judge: ${error.stack}\n`);
  process.exit(2);
});
