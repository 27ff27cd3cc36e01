//! DoH over HTTP/3: h3's connections, bounded.
//!
//! h3 keeps a frame until all of it is there, however long it says that it is. So what a client sends is counted below it, and a
//! stream that brings more than a request has ends.

use core::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h3::error::Code;
use h3::quic::{self, ConnectionErrorIncoming, StreamErrorIncoming, StreamId, WriteBuf};
use h3::server::RequestResolver;
use http::{Method, Response};
use quinn::VarInt;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::doh;
use super::quic::{IDLE_MAX, STREAM_TIME_MAX, Session};
use super::service::{QUERY_BYTES_MAX, count};

/// A request's head: a query in the URI, and what browsers send with it.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// A request with its frames: a head, a body, and some frames that mean nothing (RFC 9114 section 9).
const REQUEST: Allowance = Allowance {
    bytes: HEAD_BYTES_MAX + QUERY_BYTES_MAX + 2048,
    pieces: 512,
};

/// The control stream, on which browsers send a line for each request, and those of QPACK, whose table has no room.
const ONE_WAY: Allowance = Allowance {
    bytes: 256 * 1024,
    pieces: 16 * 1024,
};

/// What a stream may bring. h3 walks all the pieces of a frame that is not whole with each piece that comes, so these are counted too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Allowance {
    bytes: usize,
    pieces: usize,
}

impl Allowance {
    /// What is left after a piece; nothing where it is too much.
    fn spend(self, bytes: usize) -> Option<Self> {
        Some(Self {
            bytes: self.bytes.checked_sub(bytes)?,
            pieces: self.pieces.checked_sub(1)?,
        })
    }
}

type Http3 = Counted<h3_quinn::Connection>;

/// Answers the requests of one connection until it ends or idles.
pub(super) async fn serve(session: Session) {
    let connection = h3_quinn::Connection::new(session.connection.clone());
    let http3 = h3::server::builder()
        .max_field_section_size(HEAD_BYTES_MAX as u64)
        .build::<_, Bytes>(Counted::new(connection, REQUEST))
        .await;
    let Ok(mut http3) = http3 else {
        count(&session.service.counters.broken);
        return;
    };
    let mut streams = JoinSet::new();
    loop {
        while streams.try_join_next().is_some() {}
        let request = match timeout(IDLE_MAX, http3.accept()).await {
            Ok(Ok(Some(request))) => request,
            Err(_) if !streams.is_empty() => continue,
            Ok(Ok(None)) | Err(_) => return,
            Ok(Err(_)) => {
                count(&session.service.counters.broken);
                return;
            }
        };
        session.place.asks();
        let session = session.clone();
        streams.spawn(async move {
            let responding = timeout(STREAM_TIME_MAX, respond(request, &session));
            // A client that went away needs no answer.
            if responding.await.is_err() {
                count(&session.service.counters.let_go);
                let code = Code::H3_EXCESSIVE_LOAD.value();
                let code = VarInt::from_u64(code).expect("a small number");
                session.connection.close(code, b"");
            }
        });
    }
}

async fn respond(
    request: RequestResolver<Http3, Bytes>,
    session: &Session,
) -> Result<(), h3::error::StreamError> {
    let service = &session.service;
    let (request, mut stream) = request.resolve_request().await?;
    let (head, ()) = request.into_parts();
    let mut body = Vec::new();
    let asked = match doh::takes_body(&head.method, &head.uri, &head.headers) {
        Err(refused) => Err(refused),
        Ok(false) => doh::of_uri(&head.uri, &head.headers),
        Ok(true) => loop {
            match stream.recv_data().await? {
                None => break Ok(doh::of_body(body)),
                Some(mut data) => {
                    let data = data.copy_to_bytes(data.remaining());
                    if body.len() + data.len() > QUERY_BYTES_MAX {
                        break Err(doh::TOO_LONG);
                    }
                    body.extend_from_slice(&data);
                }
            }
        },
    };
    if asked.is_err() {
        count(&service.counters.malformed);
    }
    let make = || async {
        Some(match &asked {
            Ok(asked) => doh::answer(asked, service, session.client).await,
            Err(refused) => doh::refusal(refused),
        })
    };
    let held = session.room.hold(make, |response| response.body().len());
    let (response, _part) = held.await.expect("there is always something to say");
    let (mut head_out, bytes) = response.into_parts();
    head_out
        .headers
        .insert("content-length", bytes.len().into());
    stream
        .send_response(Response::from_parts(head_out, ()))
        .await?;
    if head.method != Method::HEAD {
        stream.send_data(bytes).await?;
    }
    stream.finish().await
}

/// A connection whose streams bring no more than they may, or one of these streams.
struct Counted<T> {
    inner: T,
    left: Allowance,
}

impl<T> Counted<T> {
    fn new(inner: T, left: Allowance) -> Self {
        Self { inner, left }
    }
}

impl<B: Buf, T: quic::Connection<B>> quic::Connection<B> for Counted<T> {
    type RecvStream = Counted<T::RecvStream>;
    type OpenStreams = Counted<T::OpenStreams>;

    fn poll_accept_recv(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::RecvStream, ConnectionErrorIncoming>> {
        let accepted = self.inner.poll_accept_recv(cx);
        accepted.map_ok(|stream| Counted::new(stream, ONE_WAY))
    }

    fn poll_accept_bidi(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::BidiStream, ConnectionErrorIncoming>> {
        let accepted = self.inner.poll_accept_bidi(cx);
        accepted.map_ok(|stream| Counted::new(stream, REQUEST))
    }

    fn opener(&self) -> Self::OpenStreams {
        Counted::new(self.inner.opener(), REQUEST)
    }
}

impl<B: Buf, T: quic::OpenStreams<B>> quic::OpenStreams<B> for Counted<T> {
    type BidiStream = Counted<T::BidiStream>;
    type SendStream = T::SendStream;

    fn poll_open_bidi(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::BidiStream, StreamErrorIncoming>> {
        let opened = self.inner.poll_open_bidi(cx);
        opened.map_ok(|stream| Counted::new(stream, REQUEST))
    }

    fn poll_open_send(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::SendStream, StreamErrorIncoming>> {
        self.inner.poll_open_send(cx)
    }

    fn close(&mut self, code: Code, reason: &[u8]) {
        self.inner.close(code, reason);
    }
}

impl<T: quic::RecvStream> quic::RecvStream for Counted<T> {
    type Buf = T::Buf;

    fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Self::Buf>, StreamErrorIncoming>> {
        let Some(piece) = ready!(self.inner.poll_data(cx))? else {
            return Poll::Ready(Ok(None));
        };
        match self.left.spend(piece.remaining()) {
            Some(left) => {
                self.left = left;
                Poll::Ready(Ok(Some(piece)))
            }
            None => Poll::Ready(Err(StreamErrorIncoming::StreamTerminated {
                error_code: Code::H3_EXCESSIVE_LOAD.value(),
            })),
        }
    }

    fn stop_sending(&mut self, error_code: u64) {
        self.inner.stop_sending(error_code);
    }

    fn recv_id(&self) -> StreamId {
        self.inner.recv_id()
    }
}

impl<B: Buf, T: quic::SendStream<B>> quic::SendStream<B> for Counted<T> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.inner.poll_ready(cx)
    }

    fn send_data<D: Into<WriteBuf<B>>>(&mut self, data: D) -> Result<(), StreamErrorIncoming> {
        self.inner.send_data(data)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.inner.poll_finish(cx)
    }

    fn reset(&mut self, reset_code: u64) {
        self.inner.reset(reset_code);
    }

    fn send_id(&self) -> StreamId {
        self.inner.send_id()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_brings_no_more_than_it_may() {
        let check = |pieces: &[usize], expected: bool| {
            let mut left = Some(REQUEST);
            for piece in pieces {
                left = left.and_then(|left| left.spend(*piece));
            }
            assert_eq!(left.is_some(), expected, "{} pieces", pieces.len());
        };
        check(&[], true);
        check(&[HEAD_BYTES_MAX, QUERY_BYTES_MAX], true);
        check(&[REQUEST.bytes], true);
        check(&[REQUEST.bytes, 1], false);
        check(&[usize::MAX], false);
        check(&vec![1; REQUEST.pieces], true);
        check(&vec![1; REQUEST.pieces + 1], false);
    }
}
