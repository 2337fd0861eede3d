// Who is signed in, where they may, and their password.

import { ask } from "./api.js";
import { el, field, replace } from "./dom.js";
import { t, word } from "./i18n.js";
import { pressed } from "./problems.js";

export function showMe(main, { me, signOut }) {
  const { sites, queues, agent } = me.scope ?? {};
  const facts = [
    ["users.name", me.name], ["users.role", word("role", me.role)], ["users.sites", sites?.join(", ") ?? t("users.all")],
    ["users.queues", queues?.join(", ") ?? t("users.all")], ["users.agent", agent],
  ];
  const current = el("input", { type: "password", required: true, autocomplete: "current-password" });
  const next = el("input", { type: "password", required: true, minlength: "12", maxlength: "256", autocomplete: "new-password" });
  const said = el("div");
  const button = el("button", { type: "submit", class: "main" }, t("me.change"));
  const onsubmit = (event) => {
    event.preventDefault();
    pressed(button, said, async () => {
      await ask("PUT", "/api/v1/me/password", { current: current.value, new: next.value }, { expires: false });
      signOut(t("me.changed"));
    });
  };
  replace(
    main, el("h1", {}, t("me.title")),
    el("dl", { class: "facts" }, facts.filter(([, value]) => value).flatMap(([key, value]) => [el("dt", {}, t(key)), el("dd", {}, value)])),
    !me.name.startsWith("openid:") && el("section", { class: "panel" }, el("h2", {}, t("me.password")),
      el("form", { class: "narrow", onsubmit },
        el("input", { class: "unseen", type: "text", value: me.name, autocomplete: "username", tabindex: "-1", "aria-hidden": "true", readonly: true }),
        field(t("me.current"), current), field(t("me.new"), next, t("users.password_hint")), el("div", { class: "buttons" }, button), said)),
  );
}
