// Judges recorded traffic by Microsoft's published API descriptions, with Microsoft's own validator (oav), offline.
//
//   NODE_PATH=<folder with oav>/node_modules node descriptions.js DESCRIPTIONS TRAFFIC.har [-v]
//
// DESCRIPTIONS holds `specification/`, laid out as in Microsoft's repository azure-rest-api-specs. Looked at are
// management.azure.com and *.vault.azure.net. Exit status: 0 nothing found, 1 something found, 2 it could not be judged.

const fs = require("fs");
const path = require("path");

const [folder, file, ...flags] = process.argv.slice(2);
if (!folder || !file) {
  console.error("usage: descriptions.js DESCRIPTIONS TRAFFIC.har [-v]");
  process.exit(2);
}
const verbose = flags.includes("-v");

// Which description judges a route. Clients send newer versions than there are descriptions of; those are judged by the
// newest at hand. The disk provider's own list has every version that Azure CLI sends for disk encryption sets.
const DISKS = ["2024-03-02", "2023-04-02"];
const JUDGED_BY = [
  [/\/providers\/Microsoft\.Compute\/(diskEncryptionSets|disks|snapshots)/i, DISKS],
  [/\/providers\/Microsoft\.Authorization\/(roleAssignments|roleDefinitions)/i, ["2022-04-01"]],
  [/\/providers\/Microsoft\.KeyVault\/(vaults|deletedVaults|locations)/i, ["2023-07-01"]],
  [/\/providers\/Microsoft\.ManagedIdentity/i, ["2023-01-31"]],
  [/\/providers\/Microsoft\.Resources\/deployments/i, ["2024-03-01"]],
  [/^\/subscriptions\/[^/]+\/resourcegroups(\/[^/]+)?$/i, ["2024-03-01"]],
  [/^\/subscriptions\/[^/]+(\/resourcegroups\/[^/]+)?\/resources$/i, ["2024-03-01"]],
];
const ARM_DESCRIPTIONS = [
  "compute/resource-manager/Microsoft.Compute/DiskRP/stable/*/{disk,diskEncryptionSet,snapshot}.json",
  "keyvault/resource-manager/Microsoft.KeyVault/stable/2023-07-01/keyvault.json",
  "msi/resource-manager/Microsoft.ManagedIdentity/stable/2023-01-31/ManagedIdentity.json",
  "authorization/resource-manager/Microsoft.Authorization/stable/2022-04-01/authorization-Role*Calls.json",
  "resources/resource-manager/Microsoft.Resources/stable/2024-03-01/resources.json",
];
const VAULT_DESCRIPTIONS = ["keyvault/data-plane/Microsoft.KeyVault/stable/7.5/keys.json"];

// Routes that Azure has and no description in the folder covers.
const NOT_DESCRIBED = [
  [/^\/tenants$/i, "subscriptions and tenants have a description of their own, which is not at hand"],
  [/^\/subscriptions(\/[^/]+)?$/i, "subscriptions and tenants have a description of their own, which is not at hand"],
  [/\/locations\/[^/]+\/(DiskOperations|operations)\//i, "addresses of operations are in no description"],
  [/\/operationresults\//i, "addresses of operations are in no description"],
  [/\/providers\/Microsoft\.Compute\/virtualMachines/i, "the description of virtual machines is not at hand"],
  [/\/operationStatuses\//i, "addresses of operations are in no description"],
];

// What is found on recordings of genuine Azure as well, and what is no fault of an answer.
const GENUINE = [
  {
    // The descriptions of disks and snapshots name no refusal at all; Azure refuses all the same.
    is: (error, exchange) =>
      error.code === "INVALID_RESPONSE_CODE" &&
      exchange.status >= 400 &&
      /\/providers\/Microsoft\.Compute\/(disks|snapshots)\//i.test(exchange.path),
  },
  {
    // Microsoft's article itself sends read-only properties of a set in its REST call.
    is: (error, exchange) =>
      error.code === "READONLY_PROPERTY_NOT_ALLOWED_IN_REQUEST" &&
      ["/id", "/name", "/type"].includes((error.pathsInPayload || [])[0]) &&
      exchange.method === "PUT" &&
      /\/providers\/Microsoft\.Compute\/diskEncryptionSets\//i.test(exchange.path),
  },
  {
    // The 202 of a disk encryption set's PUT echoes the request, without an id.
    is: (error, exchange) =>
      error.code === "MISSING_RESOURCE_ID" && exchange.status === 202 && exchange.method === "PUT",
  },
  {
    // The first request to a vault has neither token nor body; it asks for the challenge.
    is: (error, exchange) =>
      error.code === "MISSING_REQUIRED_PARAMETER" && exchange.service === "vault" && exchange.status === 401,
  },
  {
    // Azure CLI writes the template into its request as JavaScript would, with a name that is not quoted; such a body is
    // not JSON, so the recording does not hold it.
    is: (error, exchange) =>
      error.code === "MISSING_REQUIRED_PARAMETER" && /\/deployments\//i.test(exchange.path) && exchange.body === undefined,
  },
];

function read(har) {
  const parsed = (text) => {
    try {
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  };
  return har.log.entries
    .map((entry) => {
      const url = new URL(entry.request.url);
      const service =
        url.host === "management.azure.com" ? "arm" : /\.vault\.azure\.net$/.test(url.host) ? "vault" : null;
      const headers = { "content-type": "application/json" };
      for (const { name, value } of entry.response.headers) headers[name.toLowerCase()] = value;
      return {
        service,
        url,
        path: url.pathname,
        method: entry.request.method,
        body: parsed((entry.request.postData || {}).text),
        status: entry.response.status,
        headers,
        answer: parsed((entry.response.content || {}).text),
      };
    })
    .filter((exchange) => exchange.service);
}

// The exchange as a description can judge it: with a version that is described, and with the parts of a path in place.
function judgeable(exchange) {
  const url = new URL(exchange.url);
  const version = url.searchParams.get("api-version");
  if (exchange.service === "vault") {
    url.host = "myvault.vault.azure.net";
    url.searchParams.set("api-version", "7.5");
    // The SDKs leave the version out and keep its slash; the description has no such path.
    url.pathname = url.pathname.replace(/^(\/keys\/[^/]+)\/$/, "$1/latest");
    // Deleted and live keys without a version are paths of their own and stay.
  } else {
    const rule = JUDGED_BY.find(([route]) => route.test(exchange.path));
    if (rule && !rule[1].includes(version)) url.searchParams.set("api-version", rule[1][0]);
  }
  return url;
}

async function validator(oav, descriptions, isArmCall) {
  const made = new oav.LiveValidator({
    directory: path.join(folder, "specification"),
    swaggerPathsPattern: descriptions,
    excludedSwaggerPathsPattern: ["**/examples/**"],
    isPathCaseSensitive: false,
    git: { shouldClone: false },
    isArmCall,
    loadValidatorInBackground: false,
    useRelativeSourceLocationUrl: true,
    checkUnderFileRoot: false,
  });
  made.logging = () => {};
  await made.initialize();
  return made;
}

async function judge(validators, exchange) {
  const url = judgeable(exchange);
  const result = await validators[exchange.service].validateLiveRequestResponse({
    liveRequest: {
      url: url.href,
      method: exchange.method,
      query: Object.fromEntries(url.searchParams),
      headers: { "content-type": "application/json" },
      body: exchange.body,
    },
    liveResponse: { statusCode: String(exchange.status), headers: exchange.headers, body: exchange.answer },
  });
  const sides = [
    ["request", result.requestValidationResult],
    ["response", result.responseValidationResult],
  ];
  const fatal = result.runtimeException || sides.map(([, side]) => side.runtimeException).find(Boolean);
  if (fatal) return { fatal };
  const found = sides.flatMap(([name, side]) =>
    (side.errors || []).map((error) => ({ side: name, ...error })),
  );
  return { found: found.filter((error) => !GENUINE.some((known) => known.is(error, exchange))) };
}

async function main() {
  const say = process.stdout.write.bind(process.stdout);
  process.stdout.write = () => true; // oav talks; only findings are printed
  const oav = require("oav");
  const validators = {
    arm: await validator(oav, ARM_DESCRIPTIONS, true),
    vault: await validator(oav, VAULT_DESCRIPTIONS, false),
  };
  const count = { judged: 0, found: 0, notDescribed: 0 };
  const exchanges = read(JSON.parse(fs.readFileSync(file, "utf8")));
  for (const exchange of exchanges) {
    const name = `${exchange.method} ${exchange.path} -> ${exchange.status}`;
    const { fatal, found } = await judge(validators, exchange);
    if (fatal && /OPERATION_NOT_FOUND/.test(fatal.code) && NOT_DESCRIBED.some(([route]) => route.test(exchange.path))) {
      count.notDescribed += 1;
      continue;
    }
    count.judged += 1;
    if (fatal || found.length) {
      count.found += 1;
      say(`FOUND  ${name}\n`);
      if (fatal) say(`       ${fatal.code}: ${fatal.message}\n`);
      for (const error of found || [])
        say(`       ${error.side} ${error.code}: ${error.message} at ${(error.pathsInPayload || [])[0]}\n`);
    } else if (verbose) say(`ok     ${name}\n`);
  }
  say(`${count.judged} exchanges judged by Microsoft's descriptions, ${count.found} with findings; ` +
    `${count.notDescribed} have none\n`);
  process.exit(exchanges.length === 0 ? 2 : count.found ? 1 : 0);
}

main().catch((error) => {
  process.stderr.write(`could not judge: ${error.stack}\n`);
  process.exit(2);
});
