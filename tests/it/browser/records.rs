//! Signing in, recordings, and what is shown to whom; and that no text becomes script.

use hushgate::access::{Role, Scope, UserName};
use hushgate::store::accounts::Change;
use hushgate::store::audit::Action;
use jiff::Timestamp;

use super::Browser;
use crate::access::{Office, PASSWORD, agent};

/// What would run if text were taken for markup, within what a name may be.
const MARKUP: &str = "<img src=x onerror=document.title='owned'>";

#[tokio::test(flavor = "multi_thread")]
async fn pages_come_with_a_strict_policy_and_are_kept_by_version() {
    let office = Office::open("").await;
    for page in ["/", "/agent"] {
        let answer = office.get(page, "").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers("content-type"), ["text/html; charset=utf-8"]);
        assert_eq!(answer.headers("cache-control"), ["no-store"]);
        assert_eq!(answer.headers("x-content-type-options"), ["nosniff"]);
        let policy = answer.headers("content-security-policy").join("");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
        assert!(
            policy.contains("require-trusted-types-for 'script'") && !policy.contains("unsafe")
        );
        let (framed, option) = if page == "/agent" {
            ("frame-ancestors https://crm.example;", vec![])
        } else {
            ("frame-ancestors 'none';", vec!["DENY"])
        };
        assert!(policy.contains(framed), "{policy}");
        assert_eq!(answer.headers("x-frame-options"), option);
        let text = String::from_utf8(answer.body).unwrap();
        assert!(text.contains("data-session=\"no\" data-openid=\"no\"") && !text.contains('@'));
    }
    let page = String::from_utf8(office.get("/", "").await.body).unwrap();
    let (_, rest) = page.split_once("href=\"/assets/").unwrap();
    let (version, _) = rest.split_once('/').unwrap();
    for (file, kind) in [
        ("app.js", "text/javascript; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ] {
        let path = format!("/assets/{version}/{file}");
        let answer = office.get(&path, "").await;
        assert_eq!(
            (answer.status, answer.headers("content-type")),
            (200, vec![kind])
        );
        assert_eq!(
            answer.headers("cache-control"),
            ["public, max-age=31536000, immutable"]
        );
        let tag = answer.headers("etag")[0].to_owned();
        let again = office
            .get(&path, &format!("If-None-Match: {tag}\r\n"))
            .await;
        assert_eq!((again.status, again.body.len()), (304, 0));
    }
    for path in [
        "/assets/older/app.js".to_owned(),
        format!("/assets/{version}/..%2Fapp.js"),
        format!("/assets/{version}/tests.rs"),
    ] {
        assert_eq!(office.get(&path, "").await.code(), "unknown_page", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_people_sign_in_and_see_what_is_theirs() {
    let office = Office::open("").await;
    office.call("CA1").await;
    office
        .user("olga", Role::ComplianceOfficer, Scope::default())
        .await;
    office.user("ann", Role::Agent, agent()).await;
    office.user("root", Role::Admin, Scope::default()).await;
    let browser = Browser::open(office.address).await;

    // The form, in both languages, and a wrong password.
    browser.go("/").await;
    assert_eq!(browser.text("h1").await, "Sign in to hushgate");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.go("/?lang=ko").await;
    assert_eq!(browser.text("h1").await, "hushgate 로그인");
    assert_eq!(
        browser.run("return document.documentElement.lang").await,
        "ko"
    );
    browser.picture("sign-in-korean").await;
    browser.go("/?lang=en").await;
    browser.sign_in("olga", "wrong horse 7").await;
    assert_eq!(
        browser.text("[role=alert].trouble").await,
        "The name or password is wrong."
    );
    assert_eq!(browser.count("nav a").await, 0);

    // Who answers for what is hidden hears the call and sees the kinds.
    browser.sign_in("olga", PASSWORD).await;
    browser.click("nav [data-view=recordings]").await;
    let row = browser.text("table.recordings tbody tr").await;
    assert!(
        row.contains("CA1") && row.contains("Card number") && row.contains("Seoul"),
        "{row}"
    );
    browser.picture("recordings").await;
    browser.click("table.recordings a[data-call=CA1]").await;
    browser.until("return document.querySelectorAll('.spans li[data-state=hidden][data-kind=pan]').length").await;
    // Nothing was fetched of its sound yet.
    assert!(office.entries(Action::RecordingPlayed).is_empty());
    browser.click("[data-do=play]").await;
    browser.until("const audio = document.querySelector('audio'); return audio && !audio.error && audio.currentTime > 0.2").await;
    let seconds = browser
        .run("return document.querySelector('audio').duration")
        .await;
    assert!(seconds.as_f64().unwrap() >= 1.4, "{seconds}");
    assert_eq!(office.entries(Action::RecordingPlayed).len(), 1);
    browser.click("[data-do=transcript]").await;
    assert!(
        browser
            .text(".spoken mark[data-mask=pan]")
            .await
            .contains("Card number")
    );
    assert!(browser.text(".spoken").await.contains("Marmalade"));
    let shown = browser.run("return document.body.innerText").await;
    assert!(!shown.as_str().unwrap().contains("4111"));
    browser.picture("recording").await;
    // The figures.
    browser.click("nav [data-view=overview]").await;
    browser
        .until("return document.querySelectorAll('svg.chart .bar').length")
        .await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());

    // Whose session is ended elsewhere is led to the form.
    let name = UserName::new("olga").unwrap();
    let change = Change {
        disabled: Some(true),
        ..Change::default()
    };
    office
        .accounts
        .change(&name, change, Timestamp::now())
        .await
        .unwrap();
    browser.click("nav [data-view=recordings]").await;
    assert!(
        browser
            .text(".sign-in .warning")
            .await
            .contains("session is over")
    );
    browser.complaints().await;

    // An agent sees masks, and neither buttons nor links for what is not theirs.
    browser.sign_in("ann", PASSWORD).await;
    browser.go("/#/recordings/CA1").await;
    browser
        .until("return document.querySelectorAll('.spans li[data-kind=hidden]').length")
        .await;
    for absent in [
        "[data-do=play]",
        "audio",
        "a[href*=export]",
        "a[href*=evidence]",
        "[data-view=users]",
        "[data-view=requests]",
    ] {
        assert_eq!(browser.count(absent).await, 0, "{absent}");
    }
    browser.click("[data-do=transcript]").await;
    assert_eq!(browser.text(".spoken mark").await, "Hidden");
    let shown = browser.run("return document.body.innerHTML").await;
    assert!(
        !shown.as_str().unwrap().contains("Card number")
            && !shown.as_str().unwrap().contains("\"pan\"")
    );
    browser.picture("recording-of-an-agent").await;
    browser.click("[data-do=sign-out]").await;
    browser.text(".sign-in h1").await;

    // Who runs the gateway sees users, and no calls.
    browser.sign_in("root", PASSWORD).await;
    browser.click("nav [data-view=users]").await;
    assert!(browser.text("main table").await.contains("olga"));
    assert_eq!(
        browser
            .count("[data-view=recordings], [data-view=live]")
            .await,
        0
    );
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_text_of_calls_and_addresses_never_becomes_script() {
    let office = Office::open("").await;
    office
        .place(
            "CA7",
            MARKUP,
            "<script>document.title='owned'</script>",
            "\"><svg onload=1>",
        )
        .await;
    office
        .user("olga", Role::ComplianceOfficer, Scope::default())
        .await;
    let browser = Browser::open(office.address).await;
    browser.go("/").await;
    browser.sign_in("olga", PASSWORD).await;
    browser.click("nav [data-view=recordings]").await;
    let row = browser.text("table.recordings tbody tr").await;
    assert!(row.contains(MARKUP) && row.contains("<script>"), "{row}");
    for page in [
        format!(
            "/#/recordings?agent={MARKUP}&site=%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E&state=%3Cb%3E"
        ),
        format!("/#/recordings/{MARKUP}"),
        "/#/recordings/%3Cimg%20src%3Dx%20onerror%3Ddocument.title%3D'owned'%3E".to_owned(),
        "/#/javascript:document.title='owned'".to_owned(),
        format!("/#/overview?days={MARKUP}"),
        format!("/?lang={MARKUP}#/alerts?state={MARKUP}"),
    ] {
        browser.go(&page).await;
        browser.text("h1").await;
        browser.until("return !document.querySelector('main [role=status]') || document.querySelector('main .trouble')").await;
        assert_eq!(
            browser
                .count("img, main script, main svg[onload], [onerror], [onload]")
                .await,
            0,
            "{page}"
        );
        let title = browser.run("return document.title").await;
        assert!(!title.as_str().unwrap().starts_with("owned"), "{page}");
        let links = browser.run("return [...document.links].every((link) => !/^\\s*javascript/i.test(link.getAttribute('href')))").await;
        assert_eq!(links, true, "{page}");
    }
    // The search's fields have what the address had, as text.
    browser.go("/#/recordings?agent=%3Cimg%20src=x%3E").await;
    browser.until("return [...document.querySelectorAll('.search input')].some((input) => input.value === '<img src=x>')").await;
    // What a page tries all the same its policy stops.
    let stopped = browser.run("try { document.body.innerHTML = '<p>'; return false } catch (error) { return error instanceof TypeError }").await;
    assert_eq!(stopped, true);
    browser.close().await;
}
