// Which description judges a route, and which routes have none.

// Clients send newer versions than there are descriptions of; those are judged by the newest at hand, the first one here.
// The disk provider's own list has every version that Azure CLI sends for disk encryption sets.
const JUDGED_BY = [
  [/\/providers\/Microsoft\.Compute\/(diskEncryptionSets|disks|snapshots)/i, ["2024-03-02", "2023-04-02"]],
  [/\/providers\/Microsoft\.Authorization\/(roleAssignments|roleDefinitions)/i, ["2022-04-01"]],
  [/\/providers\/Microsoft\.KeyVault\/(vaults|deletedVaults|managedHSMs|deletedManagedHSMs|locations)/i, ["2023-07-01"]],
  [/\/providers\/Microsoft\.ManagedIdentity/i, ["2023-01-31"]],
  [/\/providers\/Microsoft\.Resources\/deployments/i, ["2024-03-01"]],
  [/\/resourcegroups\/[^/]+\/deployments\//i, ["2024-03-01"]],
  [/^\/subscriptions\/[^/]+\/resourcegroups(\/[^/]+)?$/i, ["2024-03-01"]],
  [/^\/subscriptions\/[^/]+(\/resourcegroups\/[^/]+)?\/resources$/i, ["2024-03-01"]],
];

exports.ARM_DESCRIPTIONS = [
  "compute/resource-manager/Microsoft.Compute/DiskRP/stable/*/{disk,diskEncryptionSet,snapshot}.json",
  "keyvault/resource-manager/Microsoft.KeyVault/stable/2023-07-01/{keyvault,keys,managedHsm}.json",
  "msi/resource-manager/Microsoft.ManagedIdentity/stable/2023-01-31/ManagedIdentity.json",
  "authorization/resource-manager/Microsoft.Authorization/stable/2022-04-01/authorization-Role*Calls.json",
  "resources/resource-manager/Microsoft.Resources/stable/2024-03-01/resources.json",
];
exports.VAULT_DESCRIPTIONS = ["keyvault/data-plane/Microsoft.KeyVault/stable/7.5/keys.json"];

// Routes that Azure has and no description in the folder covers: subscriptions and tenants would be in
// resources/.../2022-12-01/subscriptions.json, machines and images in compute/.../ComputeRP. Their answers are still held to what all
// answers of Resource Manager have in common.
const NOT_DESCRIBED = [
  /^\/tenants$/i,
  /^\/subscriptions(\/[^/]+)?$/i,
  /\/providers\/Microsoft\.Compute\/virtualMachines/i,
  /\/providers\/Microsoft\.Compute\/images/i,
  // What infra/ deploys and nothing of ours calls otherwise. Bicep's types judge it (../../infra/deployed.py).
  /\/providers\/Microsoft\.(Insights|Network|OperationalInsights|ServiceBus|Storage|Web)\/(?!.*\/providers\/)/i,
];

exports.isDescribed = (exchange) => !NOT_DESCRIBED.some((route) => route.test(exchange.path));

// The descriptions of disks and snapshots name no refusal at all. Azure refuses all the same, in Compute's own envelope.
exports.namesNoRefusal = (exchange) =>
  /\/providers\/Microsoft\.Compute\/(disks|snapshots)(\/|$)/i.test(exchange.path);

// The address as a description can judge it: with a version that is described, and with the parts of a path in place.
exports.judgeable = (exchange) => {
  const url = new URL(exchange.url);
  if (exchange.service === "vault") {
    url.host = "myvault.vault.azure.net";
    url.searchParams.set("api-version", "7.5");
    // The SDKs leave the version out and keep its slash; the description has no such path. Deleted and live keys without a
    // version are paths of their own and stay.
    url.pathname = url.pathname.replace(/^(\/keys\/[^/]+)\/$/, "$1/latest");
    return url;
  }
  // What is assigned at a resource is looked up last in a path, so the last provider counts.
  const last = exchange.path.slice(Math.max(0, exchange.path.toLowerCase().lastIndexOf("/providers/")));
  const rule = JUDGED_BY.find(([route]) => route.test(last)) || JUDGED_BY.find(([route]) => route.test(exchange.path));
  if (rule && !rule[1].includes(url.searchParams.get("api-version"))) url.searchParams.set("api-version", rule[1][0]);
  return url;
};
