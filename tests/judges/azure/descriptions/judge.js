// The judge: Microsoft's validator, and what it is told about the parts that no description has.

const path = require("path");
const { read, route } = require("./traffic.js");
const routes = require("./routes.js");
const { sift, stale } = require("./exceptions.js");
const { Operations } = require("./operations.js");

async function validator(oav, specification, descriptions, isArmCall) {
  const made = new oav.LiveValidator({
    directory: specification,
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
  preferWhatIsSpelledOut(made.operationSearcher);
  return made;
}

// Where several paths fit, the validator gives up. Meant is the one that leaves least open: in /keys/{name}/versions the
// last part is no version of a key.
function preferWhatIsSpelledOut(searcher) {
  const search = searcher.getPotentialOperations.bind(searcher);
  const open = ({ operation }) => operation._path._pathTemplate.split("{").length;
  searcher.getPotentialOperations = (request) => {
    const found = search(request);
    const least = Math.min(...found.matches.map(open));
    return { ...found, matches: found.matches.filter((match) => open(match) === least) };
  };
}

// What a description says of an exchange.
async function described(validators, common, exchange) {
  const url = routes.judgeable(exchange);
  const result = await validators[exchange.service].validateLiveRequestResponse({
    liveRequest: {
      url: url.href,
      method: exchange.method,
      query: Object.fromEntries(url.searchParams),
      headers: { "content-type": "application/json" },
      body: exchange.body,
    },
    liveResponse: {
      statusCode: String(exchange.status),
      headers: { "content-type": "application/json", ...exchange.headers },
      body: exchange.answer,
    },
  });
  const sides = [
    ["request", result.requestValidationResult],
    ["response", result.responseValidationResult],
  ];
  const fatal = result.runtimeException || sides.map(([, side]) => side.runtimeException).find(Boolean);
  if (fatal) return [{ side: "both", ...fatal }];
  const found = sides.flatMap(([side, { errors }]) => (errors || []).map((error) => ({ side, ...error })));
  const refused = exchange.status >= 400 && routes.namesNoRefusal(exchange);
  if (!refused) return found;
  const rest = found.filter((error) => error.code !== "INVALID_RESPONSE_CODE");
  return [...rest, ...common.computeRefusal(exchange.answer).map((error) => ({ side: "response", ...error }))];
}

// What is found, and by what it was judged: a description, or only what all answers have in common.
async function judge(judges, exchange) {
  const { validators, common, operations } = judges;
  if (operations.isOne(exchange)) {
    const { found, end } = operations.judge(exchange);
    const more = end ? await judge(judges, end) : { found: [], by: "description" };
    return { found: [...found, ...more.found.filter((error) => error.side !== "request")], by: more.by };
  }
  operations.note(exchange);
  if (!routes.isDescribed(exchange))
    return { found: common.answer(exchange).map((error) => ({ side: "response", ...error })), by: "common types" };
  return { found: await described(validators, common, exchange), by: "description" };
}

exports.load = async (folder) => {
  const oav = require("oav");
  const specification = path.join(folder, "specification");
  return {
    validators: {
      arm: await validator(oav, specification, routes.ARM_DESCRIPTIONS, true),
      vault: await validator(oav, specification, routes.VAULT_DESCRIPTIONS, false),
    },
    common: require("./common.js").load(specification),
  };
};

// Everything there is to say about a recording. `run` names what was recorded.
exports.judgeAll = async (loaded, har, run) => {
  const judges = { ...loaded, operations: new Operations(loaded.common) };
  const used = new Set();
  const verdict = { exchanges: [], used };
  for (const exchange of read(har).filter((exchange) => exchange.service)) {
    const judged = await judge(judges, exchange);
    verdict.exchanges.push({ name: route(exchange), by: judged.by, found: sift(judged.found, exchange, used) });
  }
  verdict.missed = stale(run, used);
  return verdict;
};
