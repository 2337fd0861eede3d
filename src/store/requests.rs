//! What commands ask a running gateway to do: it alone writes to its store and to its audit log.
//!
//! ```text
//! STORE/requests/ID.json     what is asked, by whom        written whole by a command
//! STORE/begun/ID.json        the same, while it is being carried out
//! STORE/answers/ID.json      what came of it               written by the gateway, taken away by the command
//! ```
//!
//! A request is carried out at least once: a gateway that dies between doing and answering does it again after its
//! next start. Whoever carries requests out makes that harmless. Who may write into the store's folder may ask.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::audit::Actor;
use super::documents::{DocumentError, Documents, Id};

/// Answers that nobody took are thrown away after so long.
const ANSWERS_KEPT: SignedDuration = SignedDuration::from_hours(24);

/// What a command asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Its name.
    pub id: Id,
    /// Who asks.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// What for: `{"order": NAME, ...}`, which whoever carries it out knows.
    pub order: Value,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// When.
    pub at: Timestamp,
    /// What was done, or why it was not.
    pub outcome: Result<Value, String>,
}

/// The requests of a store.
#[derive(Debug, Clone)]
pub struct Requests {
    asked: Documents,
    begun: Documents,
    answered: Documents,
}

impl Requests {
    /// Those of the store in this folder.
    pub fn of(store: &Path) -> Self {
        Self {
            asked: Documents::new(store.join("requests")),
            begun: Documents::new(store.join("begun")),
            answered: Documents::new(store.join("answers")),
        }
    }

    /// Asks for something.
    pub fn ask(&self, by: Actor, order: Value, at: Timestamp) -> Result<Id, DocumentError> {
        let request = Request {
            id: Id::random("request")?,
            by,
            at,
            order,
        };
        self.asked.put(&request.id, &request)?;
        Ok(request.id)
    }

    /// Takes the answer, if it is there.
    pub fn take_answer(&self, id: &Id) -> Result<Option<Answer>, DocumentError> {
        match self.answered.get(id) {
            Err(DocumentError::Unknown { .. }) => Ok(None),
            answer => {
                let answer = answer?;
                self.answered.remove(id)?;
                Ok(Some(answer))
            }
        }
    }

    /// Takes a request back; `false`: somebody began with it.
    pub fn withdraw(&self, id: &Id) -> Result<bool, DocumentError> {
        self.asked.remove(id)
    }

    /// What waits, the earliest first, and what cannot be read. What was begun and not answered, as its gateway died,
    /// waits too.
    pub fn waiting(&self) -> Result<(Vec<Request>, Vec<DocumentError>), DocumentError> {
        let (mut waiting, mut broken) = (Vec::new(), Vec::new());
        let begun = self.begun.ids()?.into_iter().map(|id| (&self.begun, id));
        let asked = self.asked.ids()?.into_iter().map(|id| (&self.asked, id));
        for (folder, id) in begun.chain(asked) {
            match folder.get::<Request>(&id) {
                Ok(request) if request.id == id => waiting.push(request),
                // Taken back meanwhile.
                Err(DocumentError::Unknown { .. }) => {}
                Ok(_) => broken.push(DocumentError::Unknown { id }),
                Err(error) => broken.push(error),
            }
        }
        waiting.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        Ok((waiting, broken))
    }

    /// Begins with a request that waits: it cannot be taken back any more. `false`: it was just taken back.
    pub fn begin(&self, id: &Id) -> Result<bool, DocumentError> {
        Ok(self.begun.ids()?.contains(id) || self.asked.hand_over(id, &self.begun)?)
    }

    /// Says what came of a request, which is over then.
    pub fn answer(
        &self,
        id: &Id,
        outcome: Result<Value, String>,
        at: Timestamp,
    ) -> Result<(), DocumentError> {
        self.answered.put(id, &Answer { at, outcome })?;
        self.begun.remove(id).map(drop)
    }

    /// Throws away answers that nobody took for a day.
    pub fn tidy(&self, now: Timestamp) -> Result<(), DocumentError> {
        for id in self.answered.ids()? {
            let is_old = match self.answered.get::<Answer>(&id) {
                Ok(answer) => now.duration_since(answer.at) > ANSWERS_KEPT,
                Err(DocumentError::Unknown { .. }) => false,
                Err(_) => true,
            };
            if is_old {
                self.answered.remove(&id)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn requests_are_answered_in_the_order_in_which_they_were_made() {
        let folder = tempfile::tempdir().unwrap();
        let requests = Requests::of(folder.path());
        assert_eq!(requests.waiting().unwrap().0, []);
        let late = requests
            .ask(
                Actor::user("kim"),
                serde_json::json!({"order": "b"}),
                at(20),
            )
            .unwrap();
        let early = requests
            .ask(
                Actor::user("lee"),
                serde_json::json!({"order": "a"}),
                at(10),
            )
            .unwrap();
        let (waiting, broken) = requests.waiting().unwrap();
        assert!(broken.is_empty());
        assert_eq!([&waiting[0].id, &waiting[1].id], [&early, &late]);
        assert_eq!(requests.take_answer(&early).unwrap(), None);
        assert!(requests.begin(&early).unwrap());
        assert!(!requests.withdraw(&early).unwrap());
        // Its gateway died.
        assert_eq!(requests.waiting().unwrap().0.len(), 2);
        assert!(requests.begin(&early).unwrap());
        requests.answer(&early, Ok(Value::Null), at(30)).unwrap();
        assert_eq!(requests.waiting().unwrap().0.len(), 1);
        let answer = requests.take_answer(&early).unwrap().unwrap();
        assert_eq!(answer.outcome, Ok(Value::Null));
        assert_eq!(requests.take_answer(&early).unwrap(), None);
        assert!(requests.withdraw(&late).unwrap());
        assert!(!requests.withdraw(&late).unwrap());
        assert!(!requests.begin(&late).unwrap());
    }

    #[test]
    fn broken_requests_are_told_and_old_answers_thrown_away() {
        let folder = tempfile::tempdir().unwrap();
        let requests = Requests::of(folder.path());
        let id = requests
            .ask(Actor::user("kim"), Value::Null, at(0))
            .unwrap();
        std::fs::write(folder.path().join("requests/request-x.json"), "{").unwrap();
        let (waiting, broken) = requests.waiting().unwrap();
        assert_eq!((waiting.len(), broken.len()), (1, 1));
        let text = broken[0].to_string();
        assert!(text.contains("request-x.json: is not readable"), "{text}");
        requests.answer(&id, Err("no".into()), at(0)).unwrap();
        requests.tidy(at(3_600)).unwrap();
        assert!(requests.take_answer(&id).unwrap().is_some());
        requests.answer(&id, Err("no".into()), at(0)).unwrap();
        requests.tidy(at(100_000)).unwrap();
        assert_eq!(requests.take_answer(&id).unwrap(), None);
    }
}
