// The sign-in form.

import { ask } from "./api.js";
import { el, field, replace } from "./dom.js";
import { t } from "./i18n.js";
import { pressed } from "./problems.js";

/** Shows the form; `done` is told who it is. */
export function showSignIn(main, { done, note = "" }) {
  const name = el("input", { type: "text", name: "username", required: true, autocomplete: "username", autocapitalize: "none", spellcheck: "false" });
  const password = el("input", { type: "password", name: "password", required: true, autocomplete: "current-password" });
  const said = el("div");
  const button = el("button", { type: "submit", class: "main" }, t("sign_in.button"));
  const onsubmit = async (event) => {
    event.preventDefault();
    const me = await pressed(button, said, () => ask("POST", "/api/v1/sign-in", { name: name.value.trim(), password: password.value }, { expires: false }));
    if (me) done(me);
    else {
      password.value = "";
      password.focus();
    }
  };
  replace(
    main,
    el("div", { class: "sign-in" },
      el("h1", {}, t("sign_in.title")),
      note && el("p", { class: "warning", role: "status" }, note),
      el("form", { onsubmit }, field(t("sign_in.name"), name), field(t("sign_in.password"), password), el("div", { class: "buttons" }, button), said),
      document.body.dataset.openid === "yes" && el("p", {}, el("a", { class: "button", href: "/api/v1/openid/start" }, t("sign_in.openid")))),
  );
  name.focus();
}
