//! Who watches a call is shown what was heard of it, when it was examined: long before it leaves.

use super::{Output, Session};
use crate::alert::{Seen, Watch};
use crate::telemetry::Event;

impl Session {
    /// The same, watched: what the watch raises comes out as events.
    #[must_use]
    pub fn watched_by(mut self, watch: Option<Watch>) -> Self {
        self.watch = watch;
        self
    }

    /// Takes what happened outside of the session, as with a recorder elsewhere, for who watches.
    pub fn handle_event(&mut self, event: &Event) {
        let alerts = self.watch.iter_mut().flat_map(|watch| watch.told(event));
        self.outputs.extend(alerts.map(Output::Event));
    }

    /// Shows what was heard so far.
    pub(super) fn show_watch(&mut self) {
        let head = self.head();
        if let Some(watch) = &mut self.watch {
            let alerts = watch.look(&Seen {
                words: self.conversation.words(),
                unheard: self.conversation.unheard(),
                findings: &self.findings,
                heard: self.judged_at,
                head,
            });
            self.outputs.extend(alerts.into_iter().map(Output::Event));
        }
    }
}
