//! Calls under way, masked for who sees them, and served by who may.

use hushgate::access::{Role, Scope};
use hushgate::call::particulars::{Label, Particulars};
use hushgate::config::Door;
use hushgate::config::doors::Protocol;
use hushgate::gateway::player::Speed;
use hushgate::gateway::serve::Entrance;

use super::Browser;
use crate::access::{Office, PASSWORD, agent};
use crate::support::*;

const CALL: &str = "live-1";

/// A gateway whose calls an office's pages show, of agent a7.
async fn gateway(office: &Office) -> Gateway {
    let (live, auditor) = (office.live.clone(), office.auditor.clone());
    Gateway::start_with(says_a_card(), move |settings| {
        let label = |text: &str| Some(Label::new(text).unwrap());
        let door = Door {
            usual: Particulars {
                site: label("Seoul"),
                queue: label("cards"),
                agent: label("a7"),
                ..Particulars::default()
            },
            ..Door::new(Protocol::Twilio)
        };
        settings.doors = vec![Entrance::new(door).unwrap()];
        settings.live = live;
        *settings = settings.clone().with_audit(auditor);
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_call_under_way_is_masked_and_served_by_role() {
    let office = Office::open("").await;
    office.user("kim", Role::Supervisor, Scope::default()).await;
    office.user("ann", Role::Agent, agent()).await;
    let gateway = gateway(&office).await;
    let mut call = playback(CALL, sound(1, 40_000), sound(2, 40_000));
    call.speed = Speed::Realtime;
    let url = gateway.url();
    let playing = tokio::spawn(async move { call.play(&url, |_| {}).await });

    // A supervisor sees that something is hidden, and not what.
    let browser = Browser::open(office.address).await;
    browser.go("/").await;
    browser.sign_in("kim", PASSWORD).await;
    let row = browser.text(&format!("tr[data-call='{CALL}']")).await;
    assert!(row.contains("a7") && row.contains("Seoul"), "{row}");
    browser.picture("live-list").await;
    browser.click(&format!("tr[data-call='{CALL}'] a")).await;
    browser
        .until("return document.querySelector('.spans li[data-kind=sensitive]')?.innerText")
        .await;
    browser
        .until("return document.querySelector('.spoken mark')?.innerText")
        .await;
    let page = browser.run("return document.body.outerHTML").await;
    let page = page.as_str().unwrap();
    assert!(!page.contains("\"pan\"") && !page.contains("Card number") && !page.contains("4111"));
    assert_eq!(
        browser
            .count("[data-do=listen], [data-do=pause], [data-do=mark], [data-do=message]")
            .await,
        4
    );

    // A note is text, whatever it looks like; a message goes to the agent; one key pauses.
    let note = "<img src=x onerror=document.title='owned'>";
    browser.type_into(".controls form input", note).await;
    browser.click("[data-do=mark]").await;
    assert!(browser.text(".marks li").await.contains(note));
    assert_eq!(browser.count("img").await, 0);
    browser
        .type_into(".controls form:last-of-type input", "Ask for the postcode")
        .await;
    browser.click("[data-do=message]").await;
    browser
        .until("return document.querySelector('.answer').innerText.includes('Sent')")
        .await;
    browser.run("document.activeElement.blur(); document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'p', bubbles: true }))").await;
    browser
        .until("return document.querySelector('main').dataset.state === 'paused'")
        .await;
    assert!(browser.text(".standing").await.contains("Paused by kim"));
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.click("[data-do=sign-out]").await;
    browser.text(".sign-in").await;

    // Their agent sees why, reads the message, and goes on.
    browser.go("/agent?lang=en").await;
    browser.sign_in("ann", PASSWORD).await;
    browser
        .until("return document.querySelector('.big-lamp')?.dataset.lamp === 'paused'")
        .await;
    assert!(browser.text(".why").await.contains("by kim"));
    assert!(
        browser
            .text(".messages li")
            .await
            .contains("Ask for the postcode")
    );
    browser.picture("agent").await;
    browser.click("[data-do=resume]").await;
    browser.until("return ['recording', 'protected'].includes(document.querySelector('.big-lamp').dataset.lamp)").await;
    // On the dashboard they have their call, and neither sound nor the other's buttons.
    browser.go(&format!("/#/live/{CALL}")).await;
    browser.text("[data-do=pause]").await;
    assert_eq!(
        browser
            .count("[data-do=listen], [data-do=message], [data-view=alerts], [data-view=users]")
            .await,
        0
    );
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    playing.abort();
}
