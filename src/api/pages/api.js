// Asks the interface. Who is not signed in any longer is told to `onSignedOut`.

/** Why a request was not done: the code and words of its problem document. */
export class Problem extends Error {
  constructor(status, code, detail, retry) {
    super(detail || code);
    this.status = status;
    this.code = code;
    this.retry = retry;
  }
}

let signedOut = () => {};

/** What is done when the session is over. */
export function onSignedOut(listener) {
  signedOut = listener;
}

/** Asks for something; the answer is JSON, text, or null. */
export async function ask(method, path, body, { expires = true, signal } = {}) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-Hushgate-Csrf"] = "1";
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, {
      method, headers, signal,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin", cache: "no-store", redirect: "error",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "unreachable", "");
  }
  if (!response.ok) {
    const told = await response.json().catch(() => ({}));
    if (response.status === 401 && expires) signedOut();
    throw new Problem(response.status, told.code ?? "unavailable", told.detail, response.headers.get("Retry-After"));
  }
  if (response.status === 204) return null;
  const kind = response.headers.get("Content-Type") ?? "";
  return kind.includes("json") ? response.json() : response.text();
}

export const get = (path, options) => ask("GET", path, undefined, options);
export const post = (path, body = {}) => ask("POST", path, body);

/** A path with its parts escaped: path`/api/v1/live/${call}`. */
export function path(strings, ...parts) {
  return strings.reduce((all, text, at) => all + encodeURIComponent(parts[at - 1]) + text);
}

/** A query of what is given. */
export function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const text = new URLSearchParams(given).toString();
  return text && `?${text}`;
}

let routes;

/** Whether the gateway has such a route: asked of its own description, so that nothing is asked in vain. */
export async function has(route) {
  routes ??= get("/openapi.json").then((description) => description.paths ?? {}).catch(() => {
    routes = undefined;
    return {};
  });
  return Object.hasOwn(await routes, route);
}
