// Users and tokens, for who runs the gateway.

import { ask, get, path, post } from "./api.js";
import { choice, el, field, replace, table } from "./dom.js";
import { moment } from "./format.js";
import { t, word } from "./i18n.js";
import { shown } from "./problems.js";
import { asking, form } from "./requests.js";

const ROLES = ["agent", "supervisor", "compliance_officer", "auditor", "admin"];

/** Places as a form has them: separated by commas. */
const list = (text) => {
  const names = text.split(",").map((name) => name.trim()).filter(Boolean);
  return names.length ? names : null;
};

function scopeWords(scope = {}) {
  return ["sites", "queues"].map((name) => scope[name] && `${t(`users.${name}`)}: ${scope[name].join(", ")}`)
    .concat(scope.agent && `${t("users.agent")}: ${scope.agent}`).filter(Boolean).join("; ");
}

function scopeFields() {
  const input = () => el("input", { type: "text", autocomplete: "off" });
  const [sites, queues, agent] = [input(), input(), input()];
  const fields = [field(t("users.sites"), sites, t("users.places_hint")), field(t("users.queues"), queues), field(t("users.agent"), agent)];
  const scope = () => ({ sites: list(sites.value), queues: list(queues.value), agent: agent.value.trim() || null });
  return { fields, scope };
}

export function showUsers(main, { may, me }) {
  replace(main, el("h1", {}, t("users.title")));
  const parts = [];
  const section = (title, permission, load) => {
    if (!may(permission)) return;
    const place = el("div");
    main.append(el("section", { class: "panel" }, el("h2", {}, title), place));
    const again = () => shown(place, () => load(again));
    parts.push(again);
  };
  section(t("users.users"), "list_users", (again) => users(may, me, again));
  section(t("users.tokens"), "list_tokens", (again) => tokens(may, again));
  parts.forEach((load) => load());
}

async function users(may, me, again) {
  const { users: all } = await get("/api/v1/users");
  const change = (name, body) => ask("PATCH", path`/api/v1/users/${name}`, body);
  const rows = all.map((user) => [
    user.name, word("role", user.role), scopeWords(user.scope), user.disabled ? t("users.disabled") : "", moment(user.created),
    may("manage_users") && user.name !== me.name && el("div", { class: "buttons" },
      asking(user.disabled ? t("users.enable") : t("users.disable"), null, () => change(user.name, { disabled: !user.disabled }), again),
      changing(user, change, again)),
  ]);
  return [
    table(t("users.users"), [t("users.name"), t("users.role"), t("users.places"), t("live.state"), t("users.made"), ""], rows),
    may("manage_users") && adding(again),
  ];
}

function changing(user, change, again) {
  const role = choice({}, ROLES.map((name) => [name, word("role", name)]), user.role);
  const password = el("input", { type: "password", minlength: "12", autocomplete: "new-password" });
  return form(t("users.change"), [field(t("users.role"), role), field(t("users.password"), password, t("users.password_hint"))], async () => {
    const body = {};
    if (role.value !== user.role) body.role = role.value;
    if (password.value) body.password = password.value;
    await change(user.name, body);
    again();
  });
}

function adding(again) {
  const name = el("input", { type: "text", required: true, maxlength: "64", autocomplete: "off" });
  const role = choice({}, ROLES.map((each) => [each, word("role", each)]), "supervisor");
  const password = el("input", { type: "password", required: true, minlength: "12", autocomplete: "new-password" });
  const { fields, scope } = scopeFields();
  return form(t("users.add"), [field(t("users.name"), name), field(t("users.role"), role), field(t("users.password"), password, t("users.password_hint")), ...fields], async () => {
    await post("/api/v1/users", { name: name.value.trim(), role: role.value, scope: scope(), password: password.value });
    again();
  });
}

async function tokens(may, again) {
  const { tokens: all } = await get("/api/v1/tokens");
  const rows = all.map((token) => [
    token.name, word("role", token.role), token.permissions.map((name) => word("permission", name)).join(", "), scopeWords(token.scope),
    moment(token.expires), token.used ? moment(token.used) : t("users.never"),
    token.revoked ? t("users.revoked") : may("manage_tokens") && asking(t("users.revoke"), null, () => ask("DELETE", path`/api/v1/tokens/${token.id}`), again),
  ]);
  return [
    rows.length
      ? table(t("users.tokens"), [t("users.name"), t("users.role"), t("users.permissions"), t("users.places"), t("users.expires"), t("users.used"), ""], rows)
      : el("p", { class: "quiet" }, t("users.no_tokens")),
    may("manage_tokens") && making(),
  ];
}

function making() {
  const name = el("input", { type: "text", required: true, maxlength: "100", autocomplete: "off" });
  const permissions = el("input", { type: "text", required: true, autocomplete: "off" });
  const days = el("input", { type: "number", min: "1", max: "366", value: "90", required: true });
  const { fields, scope } = scopeFields();
  const made = el("div", { role: "status" });
  const wanted = form(t("users.make_token"), [
    field(t("users.name"), name), field(t("users.permissions"), permissions, t("users.permissions_hint")), field(t("users.days"), days), ...fields,
  ], async () => {
    const { secret } = await post("/api/v1/tokens", {
      name: name.value.trim(), permissions: list(permissions.value) ?? [], days: Number(days.value), scope: scope(),
    });
    // Told this once: it stays until the page is left.
    replace(made, el("p", {}, t("users.secret")), el("output", { class: "secret" }, secret));
  });
  return el("div", {}, wanted, made);
}
