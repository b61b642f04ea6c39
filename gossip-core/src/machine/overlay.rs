//! Who stands where: attaching to somebody above, losing a peer, and looking for another.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use super::{AntiEntropy, enqueue};
use crate::element::Element;
use crate::event::Event;
use crate::push::Dissemination;
use crate::push::Overlay;
use crate::push::link::{Link, Standing};

/// How many of those who may be above are asked at once.
const WAVE: usize = 4;

/// How often a better one is looked for, and anyone where there is none.
pub(super) const REJOIN: Duration = Duration::from_secs(2);

/// The shortest pause between two looks for somebody above.
pub(super) const SOON: Duration = Duration::from_millis(10);

impl<P: Clone + Ord, E: Element> AntiEntropy<P, E> {
    /// Pushes fresh elements along this overlay from now on, if [`Config::batch_every`](crate::Config::batch_every)
    /// says how often; else nothing happens. Of its names only those of peers count, added before or later. To be called
    /// again where the cluster's members change: what is known about the links stays.
    pub fn set_overlay(&mut self, overlay: Overlay<P>) {
        let Some(every) = self.config.batch_interval() else { return };
        match &mut self.dissemination {
            Some(dissemination) => dissemination.overlay = overlay,
            None => {
                let log = self.rng.next_u32() | 1;
                self.dissemination = Some(Box::new(Dissemination::new(every, overlay, log)));
            }
        }
        for peer in self.peers.values_mut() {
            if let Some(link) = &mut peer.link {
                (link.standing, link.lost) = (Standing::Apart, false);
            }
        }
        let Some(dissemination) = &mut self.dissemination else { return };
        dissemination.below.clear();
        dissemination.lost = 0;
        (dissemination.above, dissemination.phase, dissemination.seek_at) = (None, None, None);
        let names: Vec<P> = self.peers.keys().cloned().collect();
        names.iter().for_each(|name| self.place(name));
    }

    /// Gives a peer its standing, if the overlay names it.
    pub(super) fn place(&mut self, name: &P) {
        let Some(dissemination) = &self.dissemination else { return };
        let standing = if dissemination.overlay.upstream().first() == Some(name) {
            Standing::Above
        } else if dissemination.overlay.downstream().contains(name) {
            if dissemination.overlay.is_graph() { Standing::Beside } else { Standing::Below }
        } else {
            return;
        };
        self.stand(name, standing);
    }

    fn stand(&mut self, name: &P, standing: Standing) {
        let len = self.replica.len();
        let (Some(dissemination), Some(peer)) = (&mut self.dissemination, self.peers.get_mut(name)) else { return };
        let link = peer.link.get_or_insert_with(|| Link::new(Standing::Apart).into());
        dissemination.lost -= usize::from(link.lost);
        (link.standing, link.lost) = (standing, false);
        // What was there before is no news: it may well be there.
        link.behind |= link.sent < len;
        link.idle_at = None;
        if matches!(standing, Standing::Above | Standing::Beside) {
            dissemination.silent.push(name.clone());
        }
        match standing {
            Standing::Below | Standing::Beside => drop(dissemination.below.insert(name.clone())),
            Standing::Above | Standing::Apart => drop(dissemination.below.remove(name)),
        }
        if standing == Standing::Above {
            (dissemination.above, dissemination.phase) = (Some(name.clone()), None);
        }
        self.reschedule(name);
    }

    /// A peer does not answer: nothing is pushed to it, and if it was above, somebody else is looked for.
    pub(super) fn lose(&mut self, name: &P) {
        let now = self.now;
        let (Some(dissemination), Some(peer)) = (&mut self.dissemination, self.peers.get_mut(name)) else { return };
        let Some(link) = &mut peer.link else { return };
        if link.lost || link.standing == Standing::Apart {
            return;
        }
        link.lost = true;
        dissemination.lost += 1;
        link.go_back();
        (link.due, link.owes) = (false, None);
        link.idle_at = (link.standing == Standing::Beside).then(|| now + REJOIN);
        if peer.stats.reachable {
            peer.stats.reachable = false;
            self.events.push_back(Event::Unreachable { peer: name.clone() });
        }
        if dissemination.above.as_ref() == Some(name) {
            (dissemination.above, dissemination.phase) = (None, None);
            (dissemination.seek_at, dissemination.sought, dissemination.next_candidate) = (None, None, 0);
            // Others will take about as long.
            dissemination.patience = Some(peer.pacing.patience(self.config.answer_within, 0));
            link.standing = Standing::Apart;
            dissemination.lost -= 1;
            link.lost = false;
        }
        self.reschedule(name);
    }

    /// Looks for somebody above: attaches to the best of those who answered, or asks others.
    pub(super) fn seek(&mut self) {
        let (now, first) = (self.now, self.config.answer_within);
        let Some(dissemination) = &mut self.dissemination else { return };
        let candidates = dissemination.overlay.upstream();
        let (above, sought) = (dissemination.above.clone(), dissemination.sought);
        let answers = |name: &&P| {
            let link = self.peers.get(*name).and_then(|peer| peer.link.as_ref());
            sought.is_some() && link.is_some_and(|link| link.heard >= sought)
        };
        let better = candidates.iter().take_while(|name| above.as_ref() != Some(name)).find(answers).cloned();
        if let Some(name) = better {
            if let Some(above) = above {
                self.stand(&above, Standing::Apart);
            }
            return self.attach(&name);
        }
        // The best is asked each time, and others in turn while there is none.
        let others = if above.is_some() { 0 } else { candidates.len().saturating_sub(1) };
        let wave: Vec<P> = (0..others.min(WAVE - 1))
            .map(|step| 1 + (dissemination.next_candidate + step) % others)
            .chain([0])
            .filter_map(|place| candidates.get(place))
            .filter(|name| above.as_ref() != Some(name))
            .cloned()
            .collect();
        dissemination.next_candidate += WAVE - 1;
        dissemination.sought = Some(now);
        let all_asked = above.is_some() || dissemination.next_candidate >= others;
        if all_asked {
            dissemination.next_candidate = 0;
        }
        let mut patience = Duration::ZERO;
        for name in &wave {
            let Some(peer) = self.peers.get_mut(name) else { continue };
            let link = peer.link.get_or_insert_with(|| Link::new(Standing::Apart).into());
            (link.asks, link.due) = (true, true);
            patience = patience.max(peer.pacing.patience(dissemination.patience.unwrap_or(first), 0));
            enqueue(&mut self.ready, name, peer);
        }
        let pause = if all_asked && sought.is_some() { REJOIN } else { Duration::ZERO };
        dissemination.seek_at = Some(now + patience.max(pause).max(SOON));
    }

    pub(super) fn attach(&mut self, name: &P) {
        self.stand(name, Standing::Above);
        let Some(dissemination) = &mut self.dissemination else { return };
        let best = dissemination.overlay.upstream().first() == Some(name);
        dissemination.seek_at = (!best).then(|| self.now + REJOIN);
        dissemination.sought = None;
        let Some(peer) = self.peers.get_mut(name) else { return };
        if let Some(link) = &mut peer.link {
            link.own = dissemination.origins.count(link.sent, name);
            (link.asks, link.due) = (true, true);
        }
        enqueue(&mut self.ready, name, peer);
    }
}
