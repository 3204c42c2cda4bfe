// What the descriptions object to and what is no fault of an answer: one line each, with its reason. What is not listed is
// a finding; what is listed and does not occur any more in the runs that it is said to occur in is one as well.

const compute = (kind, exchange) => new RegExp(`/providers/Microsoft\\.Compute/${kind}/`, "i").test(exchange.path);

exports.EXCEPTIONS = [
  {
    reason: "the 202 of a disk encryption set's PUT echoes the request, without an id (so do recordings of Azure)",
    occursIn: ["azure", "demo"],
    is: (error, exchange) =>
      error.code === "MISSING_RESOURCE_ID" &&
      exchange.status === 202 &&
      exchange.method === "PUT" &&
      compute("diskEncryptionSets", exchange),
  },
  {
    reason: "the first request to a vault has neither token nor body: it asks for the challenge (so do recordings of Azure)",
    occursIn: ["azure"],
    is: (error, exchange) =>
      error.code === "MISSING_REQUIRED_PARAMETER" && exchange.service === "vault" && exchange.status === 401,
  },
  {
    reason: "Microsoft's article itself sends a set's read-only properties in its REST call",
    occursIn: ["azure"],
    is: (error, exchange) =>
      error.code === "READONLY_PROPERTY_NOT_ALLOWED_IN_REQUEST" &&
      ["/id", "/name", "/type"].includes((error.pathsInPayload || [])[0]) &&
      exchange.method === "PUT" &&
      compute("diskEncryptionSets", exchange),
  },
  {
    reason: "Azure CLI writes the days of an HSM's retention as a text",
    occursIn: ["vaults"],
    is: (error, exchange) =>
      error.code === "INVALID_TYPE" &&
      exchange.method === "PUT" &&
      (error.pathsInPayload || [])[0] === "/properties/softDeleteRetentionInDays" &&
      /\/providers\/Microsoft\.KeyVault\/managedHSMs\//i.test(exchange.path),
  },
  {
    reason: "the description of an HSM's purge names its beginning, 202, and not what it ends with",
    occursIn: ["vaults"],
    is: (error, exchange) =>
      error.code === "INVALID_RESPONSE_CODE" &&
      exchange.status === 200 &&
      /\/providers\/Microsoft\.KeyVault\/locations\/[^/]+\/operationResults\//i.test(exchange.path),
  },
  {
    reason: "Azure CLI writes a template as JavaScript would, with a name that is not quoted: the recording cannot hold it",
    occursIn: ["azure"],
    is: (error, exchange) =>
      error.code === "MISSING_REQUIRED_PARAMETER" && /\/deployments\//i.test(exchange.path) && exchange.body === undefined,
  },
];

// The findings that are left, and which exceptions were of use.
exports.sift = (found, exchange, used) =>
  found.filter((error) => {
    const exception = exports.EXCEPTIONS.find((known) => known.is(error, exchange));
    if (exception) used.add(exception);
    return !exception;
  });

// Exceptions that should have occurred in this run and did not.
exports.stale = (run, used) =>
  exports.EXCEPTIONS.filter((exception) => exception.occursIn.includes(run) && !used.has(exception));
