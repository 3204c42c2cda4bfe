// What all of Resource Manager's answers have in common: the shapes of Azure's common types and of Compute's errors.

const fs = require("fs");
const path = require("path");

const TYPES = "common-types/resource-management/v6/types.json";
const COMPUTE = "compute/resource-manager/Microsoft.Compute/common-types/v1/common.json";

// A type as it is published leaves room for any other property; an unknown name is what we are looking for.
function closed(definitions, names) {
  for (const name of names) definitions[name].additionalProperties = false;
  return definitions;
}

exports.load = (specification) => {
  const Ajv = require("ajv");
  // The descriptions are Swagger, which has words that JSON Schema does not know.
  const ajv = new Ajv({ unknownFormats: "ignore", allErrors: true, logger: false });
  const read = (file) => JSON.parse(fs.readFileSync(path.join(specification, file), "utf8")).definitions;
  const types = closed(read(TYPES), ["OperationStatusResult", "ErrorDetail", "ErrorResponse", "ErrorAdditionalInfo"]);
  // Compute shows what came of an operation beside its state.
  types.OperationStatusResult.properties.properties = { type: "object" };
  ajv.addSchema({ $id: "types", definitions: types });
  const compute = closed(read(COMPUTE), ["CloudError", "ApiError", "ApiErrorBase", "InnerError"]);
  ajv.addSchema({ $id: "compute", definitions: compute });

  const by = (schema, name) => {
    const validate = ajv.compile({ $ref: `${schema}#/definitions/${name}` });
    return (value) => {
      if (value === undefined) return [{ code: "NO_JSON", message: `is no ${name}` }];
      if (validate(value)) return [];
      return validate.errors.map(({ dataPath, message, params }) => ({
        code: name.toUpperCase(),
        message: `${message} ${JSON.stringify(params)}`,
        pathsInPayload: [dataPath],
      }));
    };
  };
  const refusal = by("types", "ErrorResponse");
  const tracked = by("types", "TrackedResource");
  const proxy = by("types", "ProxyResource");
  // In a group and below nothing else: it has a place of its own.
  const isTracked = (path) => /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers(\/[^/]+){3}$/i.test(path);
  return {
    operation: by("types", "OperationStatusResult"),
    computeRefusal: by("compute", "CloudError"),
    // An answer whose own description is not at hand.
    answer({ path, status, answer, text, headers }) {
      if (status >= 400) return refusal(answer);
      if (status === 202 && !headers.location && !headers["azure-asyncoperation"])
        return [{ code: "LRO_RESPONSE_HEADER", message: "says nowhere how it goes on" }];
      if (!text) return [];
      if (answer && Array.isArray(answer.value)) return [];
      // What is tracked has a type; the views of it have none.
      if (answer && answer.type) return isTracked(path) ? tracked(answer) : proxy(answer);
      return answer ? [] : [{ code: "NO_JSON", message: "is no JSON" }];
    },
  };
};
