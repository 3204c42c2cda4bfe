// A recording (HAR 1.2), as the judges look at it.

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function service(host) {
  if (host === "management.azure.com") return "arm";
  if (/\.vault\.azure\.net$/.test(host)) return "vault";
  return null;
}

// Every exchange; `service` is null where no OpenAPI description could apply.
exports.read = (har) =>
  har.log.entries.map((entry) => {
    const url = new URL(entry.request.url);
    const headers = {};
    for (const { name, value } of entry.response.headers) headers[name.toLowerCase()] = value;
    return {
      service: service(url.host),
      url,
      path: url.pathname,
      method: entry.request.method,
      body: parsed((entry.request.postData || {}).text),
      status: entry.response.status,
      headers,
      text: (entry.response.content || {}).text || "",
      answer: parsed((entry.response.content || {}).text),
    };
  });

// The exchange without what differs from run to run.
exports.route = ({ method, url, status }) => {
  const path = url.pathname.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/gi, "{id}");
  return `${method} ${url.host === "management.azure.com" ? "" : url.host}${path} -> ${status}`;
};
