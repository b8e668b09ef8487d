//! What a listener answers: from the moment on that it listens, before there is a door to open.
//!
//! Clients that come while the server reads its journal wait for it. Whoever asks how the server is
//! hears it at once.

use crate::admin::{Admin, RouteName};
use crate::connection::{Answering, Connected, RequestBody};
use crate::front_door::FrontDoor;
use crate::peer::Peer;
use crate::reply::{self, Reply};
use http::{Request, StatusCode};
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;

/// Who is sent to a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    /// Callers of the services, and probes.
    Everything,
    /// Probes and the operator alone.
    Admin,
}

/// The answers of a listener.
#[derive(Clone, Debug)]
pub(crate) struct Entrance {
    wanted: For,
    admin: Arc<Admin>,
    place: Arc<Place>,
    opened: watch::Receiver<bool>,
}

/// Where the door will be.
#[derive(Debug, Default)]
struct Place(OnceLock<Arc<FrontDoor>>);

/// Opens the door, once. If this is dropped before, whoever waits is turned away.
#[derive(Debug)]
pub(crate) struct Opener {
    place: Arc<Place>,
    opened: watch::Sender<bool>,
}

impl Opener {
    /// From now on there is this door.
    pub(crate) fn open(self, door: Arc<FrontDoor>) {
        let _ = self.place.0.set(door);
        self.opened.send_replace(true);
    }
}

impl Entrance {
    /// The entrance of the services; [`Entrance::of_admin`] makes the other of it.
    pub(crate) fn new(admin: Arc<Admin>) -> (Self, Opener) {
        let (sender, opened) = watch::channel(false);
        let place = Arc::<Place>::default();
        let entrance = Self { wanted: For::Everything, admin, place: place.clone(), opened };
        (entrance, Opener { place, opened: sender })
    }

    pub(crate) fn of_admin(&self) -> Self {
        Self { wanted: For::Admin, ..self.clone() }
    }

    /// The door, once it is there. `None`: there will be none.
    async fn door(&self) -> Option<&FrontDoor> {
        if self.place.0.get().is_none() {
            let mut opened = self.opened.clone();
            opened.wait_for(|opened| *opened).await.ok()?;
        }
        self.place.0.get().map(|door| &**door)
    }
}

impl Answering for Entrance {
    fn may_be_known(&self, head: &http::request::Parts) -> bool {
        self.place.0.get().is_some_and(|door| door.may_be_known(head))
    }

    async fn answer(
        &self,
        request: Request<RequestBody>,
        peer: Peer,
        connected: &Arc<Connected>,
    ) -> Reply {
        let (parts, body) = request.into_parts();
        let name = match self.wanted {
            For::Admin => Some(RouteName::alone(&parts)),
            For::Everything => RouteName::among_services(&parts),
        };
        if let Some(name) = name.filter(|name| name.is_for_everybody()) {
            return self.admin.answer_everybody(name, &parts.method);
        }
        let Some(door) = self.door().await else {
            return reply::empty(StatusCode::SERVICE_UNAVAILABLE);
        };
        match name {
            None => door.answer(parts, body, peer, connected).await,
            Some(name) => door.answer_admin(name, &parts, peer, connected),
        }
    }
}
