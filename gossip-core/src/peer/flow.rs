//! `Flow`: whether a peer's transport takes messages, and the timers that stand still while it does not.

use core::time::Duration;

use super::turn::Turn;
use crate::kind::Kind;
use crate::time::Time;

/// Whether the transport to a peer takes messages.
///
/// While it does not, what we wait for may not even have been asked: a wait that ran on would have the request sent again
/// behind the first one, on the very link that is full.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flow {
    /// Since when it has taken none; until the poll after it takes some again, which knows for how long that was.
    full_since: Option<Time>,
    /// Whether it takes some again.
    freed: bool,
    /// What is left of the wait for an answer.
    left: Option<Duration>,
}

impl Flow {
    /// Whether nothing may be sent.
    pub(crate) const fn is_full(&self) -> bool {
        self.full_since.is_some()
    }

    /// The wait for an answer that stood still, once; else `full`, all of it.
    pub(super) fn wait(&mut self, full: Duration) -> Duration {
        self.left.take().unwrap_or(full)
    }

    /// Forgets a wait that stood still: what was awaited has come, or is awaited no longer.
    pub(super) const fn drop_wait(&mut self) {
        self.left = None;
    }
}

impl<P: Clone + Ord, S: Kind> Turn<'_, P, S> {
    /// Notes whether the transport takes messages to the peer.
    pub(crate) fn set_writable(&mut self, writable: bool) {
        let flow = &mut self.peer.flow;
        match (flow.full_since, writable) {
            // Free as it was.
            (None, true) => {}
            (None, false) => {
                // From the last poll on, which has filled it.
                flow.full_since = Some(self.now);
                flow.left = self.peer.answer_by.get().map(|at| at.saturating_since(self.now));
                self.agenda.answers.set(self.id, &mut self.peer.answer_by, None);
                self.on_link(|link| link.hold());
            }
            (Some(_), _) => {
                flow.freed = writable;
                // It has been full for a time that only the next poll knows.
                if writable {
                    self.want_time();
                }
            }
        }
    }

    /// Ends the standstill of a transport that is free again: timers run on, and what waited goes out.
    pub(super) fn resume(&mut self) {
        let Some(since) = self.peer.flow.full_since.take_if(|_| self.peer.flow.freed) else { return };
        self.peer.flow.freed = false;
        let stood = self.now.saturating_since(since);
        self.on_link(|link| link.resume(stood));
        self.enqueue();
    }
}
