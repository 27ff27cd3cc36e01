//! The streams of one connection: who carries which request.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::task::{Context, Poll};

use libp2p::Stream;
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::futures::StreamExt;
use libp2p::futures::stream::SelectAll;
use libp2p::swarm::handler::{
    ConnectionEvent, ConnectionHandler, ConnectionHandlerEvent, FullyNegotiatedInbound,
    FullyNegotiatedOutbound,
};
use libp2p::swarm::{StreamProtocol, StreamUpgradeError, SubstreamProtocol};
use tokio::time::Instant;

use super::alarm::Alarm;
use super::asking::{Ended, Line, Question};
use super::frame::Outgoing;
use super::serving::{Heard, Served};
use super::{Bounds, Channel, Codec, NoAnswer, RequestId, WAITING_MAX};

/// A request for this connection's peer.
#[derive(Debug)]
pub(crate) struct Ask<C: Codec> {
    pub(super) id: RequestId,
    pub(super) request: C::Request,
}

/// What happened on this connection.
#[derive(Debug)]
pub(crate) enum News<C: Codec> {
    Asked(C::Request, Channel<C::Response>),
    Garbage(io::Error),
    Answered(RequestId, C::Response),
    Failed(RequestId, NoAnswer),
}

/// One connection's part.
#[derive(Debug)]
pub(crate) struct Handler<C: Codec> {
    bounds: Bounds,
    /// Requests without a stream, the next one first.
    waiting: VecDeque<Question>,
    /// Streams that libp2p was asked for and did not bring yet.
    opening: usize,
    asking: SelectAll<Line<C>>,
    serving: SelectAll<Served<C>>,
    news: VecDeque<News<C>>,
    /// Whether the connection is used, or was just now.
    in_use: bool,
    used: Instant,
    alarm: Alarm,
}

impl<C: Codec> Handler<C> {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            waiting: VecDeque::new(),
            opening: 0,
            asking: SelectAll::new(),
            serving: SelectAll::new(),
            news: VecDeque::new(),
            in_use: false,
            used: Instant::now(),
            alarm: Alarm::default(),
        }
    }

    fn on_use(&mut self) {
        self.in_use = true;
        self.used = Instant::now();
        self.alarm
            .by(self.used + self.bounds.lingers.min(self.bounds.exchange));
    }

    fn open_lines(&self) -> usize {
        self.asking.iter().filter(|line| line.is_open()).count()
    }

    /// How many streams more there have to be: one for each request that waits, as far as there may be so many.
    fn missing(&self) -> usize {
        if self.opening >= self.waiting.len() {
            return 0;
        }
        let most = self.bounds.streams.saturating_sub(self.open_lines());
        self.waiting.len().min(most).saturating_sub(self.opening)
    }

    /// Lets free streams carry what waits, the one that was used last first, so that those that are too many grow old.
    fn give_out(&mut self) {
        while let Some(next) = self.waiting.iter().position(|question| !question.again) {
            let free = self.asking.iter_mut();
            let free = free.filter(|line| line.free_since().is_some());
            let Some(line) = free.max_by_key(|line| line.free_since()) else {
                return;
            };
            let Some(question) = self.waiting.remove(next) else {
                return;
            };
            line.ask(question);
        }
    }

    /// Ends the streams that are free for longest while too many are.
    fn trim(&mut self) {
        let is_free = |line: &&mut Line<C>| line.free_since().is_some();
        while self.asking.iter_mut().filter(is_free).count() > self.bounds.kept {
            let free = self.asking.iter_mut().filter(is_free);
            if let Some(oldest) = free.min_by_key(|line| line.free_since()) {
                let _ = oldest.end();
            }
        }
    }

    fn on_ended(&mut self, ended: Ended<C>) {
        match ended {
            Ended::Answered(id, response) => self.news.push_back(News::Answered(id, response)),
            Ended::Failed(id, error) => self.news.push_back(News::Failed(id, error)),
            Ended::Again(question) => self.waiting.push_front(question),
        }
        self.give_out();
        self.trim();
        // Whatever stays free has a time after which it goes.
        self.alarm.by(Instant::now() + self.bounds.kept_for);
    }

    fn on_heard(&mut self, heard: Heard<C>) {
        match heard {
            Heard::Begun => {}
            Heard::Asked(request, channel) => self.news.push_back(News::Asked(request, channel)),
            Heard::Garbage(error) => self.news.push_back(News::Garbage(error)),
        }
        self.on_use();
    }

    /// A stream that was asked for. Whoever waits takes it; where nobody does any more, it goes.
    fn on_opened(&mut self, stream: Stream) {
        self.opening = self.opening.saturating_sub(1);
        if let Some(question) = self.waiting.pop_front() {
            self.asking.push(Line::new(stream, question));
        }
    }

    fn on_not_opened(&mut self, error: StreamUpgradeError<Infallible>) {
        self.opening = self.opening.saturating_sub(1);
        let error = match error {
            StreamUpgradeError::Timeout => NoAnswer::TimedOut,
            StreamUpgradeError::NegotiationFailed => NoAnswer::Unsupported,
            StreamUpgradeError::Io(error) => error.into(),
        };
        if let Some(question) = self.waiting.pop_front() {
            self.news.push_back(News::Failed(question.id, error));
        }
    }

    /// A stream of the peer's. It takes the place of the one that is free for longest where all are taken.
    fn on_accepted(&mut self, stream: Stream) {
        let open = self
            .serving
            .iter()
            .filter(|served| served.is_open())
            .count();
        if open >= self.bounds.streams {
            let free = self.serving.iter_mut().filter(|served| served.is_free());
            match free.min_by_key(|served| served.deadline()) {
                Some(oldest) => oldest.end(),
                None => return,
            }
        }
        let served = Served::new(stream, self.bounds);
        self.alarm.by(served.deadline());
        self.serving.push(served);
        self.on_use();
    }

    /// Ends what has taken too long, and sets the alarm for what will have next.
    fn expire(&mut self, now: Instant) {
        let mut due = Vec::new();
        let mut busy = !self.waiting.is_empty();
        self.waiting.retain(|question| {
            let late = question.deadline <= now;
            if late {
                self.news
                    .push_back(News::Failed(question.id, NoAnswer::TimedOut));
            } else {
                due.push(question.deadline);
            }
            !late
        });
        for line in self.asking.iter_mut().filter(|line| line.is_open()) {
            busy |= line.deadline().is_some();
            let free = line.free_since();
            let deadline = free.map(|since| since + self.bounds.kept_for);
            let deadline = deadline.or_else(|| line.deadline());
            if deadline.is_none_or(|deadline| now < deadline) {
                due.extend(deadline);
            } else if let Some(id) = line.end() {
                self.news.push_back(News::Failed(id, NoAnswer::TimedOut));
            }
        }
        for served in self.serving.iter_mut().filter(|served| served.is_open()) {
            busy |= !served.is_free();
            if served.deadline() <= now {
                served.end();
            } else {
                due.push(served.deadline());
            }
        }
        let since = if busy { now } else { self.used };
        let unused = since + self.bounds.lingers;
        self.in_use = now < unused;
        due.extend(self.in_use.then_some(unused));
        if let Some(next) = due.into_iter().min() {
            self.alarm.by(next);
        }
    }
}

type Upgrade = ReadyUpgrade<StreamProtocol>;

impl<C: Codec> ConnectionHandler for Handler<C> {
    type FromBehaviour = Ask<C>;
    type ToBehaviour = News<C>;
    type InboundProtocol = Upgrade;
    type OutboundProtocol = Upgrade;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Upgrade> {
        SubstreamProtocol::new(ReadyUpgrade::new(C::PROTOCOL), ())
    }

    fn connection_keep_alive(&self) -> bool {
        self.in_use
    }

    fn on_behaviour_event(&mut self, Ask { id, request }: Ask<C>) {
        if self.waiting.len() >= WAITING_MAX {
            self.news.push_back(News::Failed(id, NoAnswer::Crowded));
            return;
        }
        self.on_use();
        self.waiting.push_back(Question {
            id,
            frame: Outgoing::new(C::encode_request(&request)),
            deadline: self.used + self.bounds.exchange,
            again: false,
        });
        self.give_out();
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<Upgrade, Upgrade>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: stream,
                ..
            }) => self.on_accepted(stream),
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: stream,
                ..
            }) => self.on_opened(stream),
            ConnectionEvent::DialUpgradeError(failed) => self.on_not_opened(failed.error),
            _ => {}
        }
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Upgrade, (), News<C>>> {
        loop {
            if let Some(news) = self.news.pop_front() {
                return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(news));
            }
            if self.missing() > 0 {
                self.opening += 1;
                let protocol = self.listen_protocol().with_timeout(self.bounds.exchange);
                return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
            }
            if let Poll::Ready(Some(ended)) = self.asking.poll_next_unpin(context) {
                self.on_ended(ended);
            } else if let Poll::Ready(Some(heard)) = self.serving.poll_next_unpin(context) {
                self.on_heard(heard);
            } else if self.alarm.poll(context) {
                self.expire(Instant::now());
            } else {
                return Poll::Pending;
            }
        }
    }
}
