//! Who has a connection, and who gets one when all are taken.
//!
//! Nobody is kept out as long as there is a place. When there is none, a newcomer gets that of the
//! connection that has been open longest without a caller who proved who they are, those last whose
//! caller may be known and sends a body; strangers, however many, only take places from each other. If
//! all are proven, a peer that holds more than half gives up
//! the oldest on which nothing is under way to one that holds less. Else newcomers wait.
//!
//! Places change hands only so often: strangers that come back as soon as they are gone would keep the
//! server busy with nothing else.

use super::connected::{Connected, Shares};
use crate::body_budget::BodyBudget;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// How long a place stays in its new hands before another changes hands: 125 in a second.
const HANDOVER_PAUSE: Duration = Duration::from_millis(8);

/// The places of a listener's connections.
#[derive(Debug)]
pub(super) struct Places {
    max: usize,
    shares: Shares,
    taken: Mutex<Taken>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    next_id: u64,
    /// In the order of their beginning.
    by_id: BTreeMap<u64, Arc<Connected>>,
    /// Those that were not proven when they began, oldest first. Some may have ended since, or be proven.
    unproven: VecDeque<u64>,
    /// Those of them that were passed over, for their callers may be known.
    supposed: VecDeque<u64>,
    peers: HashMap<IpAddr, Held>,
    last_handover: Option<Instant>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Full {
    /// One may change hands then.
    Until(Instant),
    /// Nobody is to give his up.
    Held,
}

/// What a peer holds.
#[derive(Debug)]
struct Held {
    connections: usize,
    bodies: BodyBudget,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    id: u64,
    pub(super) connected: Arc<Connected>,
}

impl Places {
    /// So many places, at least one.
    pub(super) fn new(max: u32, shares: Shares) -> Arc<Self> {
        Arc::new(Self {
            max: (max as usize).max(1),
            shares,
            taken: Mutex::default(),
            freed: Notify::new(),
        })
    }

    /// A place for a newcomer, as soon as there is one. Cancel safe. One newcomer waits at a time.
    pub(super) async fn enter(self: &Arc<Self>, address: IpAddr) -> Place {
        loop {
            match self.try_enter(address) {
                Ok(place) => return place,
                Err(Full::Held) => self.freed.notified().await,
                Err(Full::Until(then)) => tokio::select! {
                    () = self.freed.notified() => {}
                    () = sleep_until(then) => {}
                },
            }
        }
    }

    fn try_enter(self: &Arc<Self>, address: IpAddr) -> Result<Place, Full> {
        let peer = peer_of(address);
        let mut taken = self.taken.lock();
        if taken.by_id.len() >= self.max {
            let now = Instant::now();
            if let Some(then) = taken.last_handover.map(|last| last + HANDOVER_PAUSE)
                && then > now
            {
                return Err(Full::Until(then));
            }
            let id = taken.oldest_unproven().or_else(|| taken.idle_of_heaviest(peer, self.max));
            if let Some(evicted) = taken.remove(id.ok_or(Full::Held)?) {
                evicted.end.notify_one();
            }
            taken.last_handover = Some(now);
        }
        let held = taken.peers.entry(peer).or_insert_with(|| Held {
            connections: 0,
            bodies: BodyBudget::new(self.shares.peer_bodies),
        });
        held.connections += 1;
        let connected = Arc::new(Connected::new(address, self.shares, held.bodies.clone()));
        let id = taken.next_id;
        taken.next_id += 1;
        taken.by_id.insert(id, connected.clone());
        taken.unproven.push_back(id);
        taken.forget_ended();
        Ok(Place { places: self.clone(), id, connected })
    }

    /// How many are taken.
    #[cfg(test)]
    fn count(&self) -> usize {
        self.taken.lock().by_id.len()
    }
}

impl Taken {
    fn oldest_unproven(&mut self) -> Option<u64> {
        while let Some(id) = self.unproven.pop_front() {
            match unproven(&self.by_id, id) {
                Some(connected) if connected.may_be_known() => self.supposed.push_back(id),
                Some(_) => return Some(id),
                None => {}
            }
        }
        while let Some(id) = self.supposed.pop_front() {
            if unproven(&self.by_id, id).is_some() {
                return Some(id);
            }
        }
        None
    }

    /// The oldest connection on which nothing is under way, of the peer with more than half of all.
    fn idle_of_heaviest(&self, newcomer: IpAddr, max: usize) -> Option<u64> {
        let (heaviest, _) = self.peers.iter().find(|(_, held)| held.connections * 2 > max)?;
        if *heaviest == newcomer {
            return None;
        }
        let is_his = |connected: &Connected| peer_of(connected.address()) == *heaviest;
        let mut connections = self.by_id.iter();
        connections.find(|(_, it)| it.requests() == 0 && is_his(it)).map(|(id, _)| *id)
    }

    fn remove(&mut self, id: u64) -> Option<Arc<Connected>> {
        let connected = self.by_id.remove(&id)?;
        let peer = peer_of(connected.address());
        if let Some(held) = self.peers.get_mut(&peer) {
            held.connections -= 1;
            if held.connections == 0 {
                self.peers.remove(&peer);
            }
        }
        Some(connected)
    }

    /// Keeps the queues about as long as there are connections.
    fn forget_ended(&mut self) {
        if self.unproven.len() + self.supposed.len() > 2 * self.by_id.len() + 16 {
            let is_unproven = |id: &u64| unproven(&self.by_id, *id).is_some();
            self.unproven.retain(is_unproven);
            self.supposed.retain(is_unproven);
        }
    }
}

/// The connection of this number, if it is there and no caller on it has been proven.
fn unproven(by_id: &BTreeMap<u64, Arc<Connected>>, id: u64) -> Option<&Arc<Connected>> {
    by_id.get(&id).filter(|connected| !connected.is_proven())
}

impl Drop for Place {
    fn drop(&mut self) {
        let removed = self.places.taken.lock().remove(self.id);
        if removed.is_some() {
            self.places.freed.notify_one();
        }
    }
}

/// Who counts as one peer: an address, and of IPv6 what one site has, a /64.
fn peer_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Waker};

    const SHARES: Shares =
        Shares { connection_bodies: 1024, peer_bodies: 2048, connection_replies: 1024 };
    const ALICE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const BOB: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn is_evicted(place: &Place) -> bool {
        let mut evicted = pin!(place.connected.evicted());
        evicted.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    fn entered(places: &Arc<Places>, address: IpAddr, is_proven: bool) -> Place {
        let place = places.try_enter(address).expect("a place");
        places.taken.lock().last_handover = None;
        if is_proven {
            place.connected.prove();
        }
        place
    }

    fn refusal(places: &Arc<Places>, address: IpAddr) -> Full {
        places.try_enter(address).map(drop).expect_err("no place")
    }

    #[test]
    fn a_newcomer_gets_the_place_of_the_oldest_stranger() {
        let places = Places::new(3, SHARES);
        let first = entered(&places, ALICE, false);
        let known = entered(&places, ALICE, true);
        let third = entered(&places, BOB, false);
        let fourth = entered(&places, ALICE, false);
        assert!(is_evicted(&first) && !is_evicted(&known) && !is_evicted(&third));
        let fifth = entered(&places, ALICE, true);
        assert!(is_evicted(&third) && !is_evicted(&fourth));
        assert_eq!(places.count(), 3);
        drop((first, third));
        assert_eq!(places.count(), 3);
        drop((known, fourth, fifth));
        assert_eq!(places.count(), 0);
        assert!(places.taken.lock().peers.is_empty());
    }

    #[test]
    fn whose_caller_may_be_known_gives_up_last() {
        let places = Places::new(3, SHARES);
        let held: Vec<_> = (0..3).map(|_| entered(&places, ALICE, false)).collect();
        held[0].connected.suppose_known();
        let newcomers = [1, 2].map(|evicted| {
            let newcomer = entered(&places, BOB, true);
            assert!(is_evicted(&held[evicted]) && !is_evicted(&held[0]));
            newcomer
        });
        // All others are proven.
        let _last = entered(&places, BOB, true);
        assert!(is_evicted(&held[0]));
        drop(newcomers);
    }

    #[test]
    fn whoever_holds_more_than_half_gives_up_what_is_idle() {
        let places = Places::new(4, SHARES);
        let held: Vec<_> = (0..4).map(|_| entered(&places, ALICE, true)).collect();
        let _busy = held[0].connected.begin_request();
        assert_eq!(refusal(&places, ALICE), Full::Held);
        let bob = entered(&places, BOB, true);
        assert!(is_evicted(&held[1]) && !is_evicted(&held[0]));
        let bobs_second = entered(&places, BOB, true);
        assert!(is_evicted(&held[2]));
        // Half each: nobody has too much.
        assert_eq!([refusal(&places, BOB), refusal(&places, ALICE)], [Full::Held; 2]);
        drop((bob, bobs_second));
    }

    #[tokio::test]
    async fn newcomers_wait_until_a_place_is_free() {
        let places = Places::new(1, SHARES);
        let known = entered(&places, ALICE, true);
        let mut waiting = pin!(places.enter(BOB));
        // One that holds everything, but is at work.
        let busy = known.connected.begin_request();
        tokio::select! {
            biased;
            _ = &mut waiting => panic!("there is no place"),
            () = tokio::task::yield_now() => {}
        }
        drop(busy);
        drop(known);
        assert_eq!(waiting.await.connected.address(), BOB);
    }

    #[tokio::test(start_paused = true)]
    async fn places_change_hands_only_so_often() {
        let places = Places::new(1, SHARES);
        let mut held = vec![places.enter(ALICE).await];
        let started = Instant::now();
        for _ in 0..125 {
            held.push(places.enter(ALICE).await);
        }
        assert_eq!(started.elapsed().as_secs_f64().round(), 1.0);
        // A free one need not change hands.
        drop(held);
        let started = Instant::now();
        let _place = places.enter(ALICE).await;
        assert_eq!(started.elapsed(), Duration::ZERO);
    }

    #[test]
    fn connections_of_a_peer_share_its_memory() {
        let places = Places::new(9, SHARES);
        let (first, second) = (entered(&places, ALICE, false), entered(&places, ALICE, false));
        let held = first.connected.peer_bodies.bytes().try_take(2048).expect("free");
        assert!(second.connected.peer_bodies.bytes().try_take(1).is_none());
        assert!(second.connected.bodies.bytes().try_take(1024).is_some());
        assert!(
            entered(&places, BOB, false).connected.peer_bodies.bytes().try_take(2048).is_some()
        );
        drop(held);
    }

    #[test]
    fn a_queue_of_those_that_ended_does_not_grow() {
        let places = Places::new(9, SHARES);
        for _ in 0..1000 {
            let place = entered(&places, ALICE, false);
            place.connected.suppose_known();
            places.taken.lock().oldest_unproven();
            drop(entered(&places, ALICE, false));
        }
        let taken = places.taken.lock();
        assert!(taken.unproven.len() + taken.supposed.len() <= 20);
    }

    #[test]
    fn a_site_is_one_peer() {
        let peer = |text: &str| peer_of(text.parse().expect("an address"));
        assert_eq!(peer("2001:db8::1"), peer("2001:db8::ffff:1"));
        assert_ne!(peer("2001:db8::1"), peer("2001:db8:0:1::1"));
        assert_eq!(peer("::ffff:10.0.0.1"), peer("10.0.0.1"));
        assert_ne!(peer("10.0.0.1"), peer("10.0.0.2"));
    }
}
