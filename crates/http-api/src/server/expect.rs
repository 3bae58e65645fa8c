//! `Expect: 100-continue`: a client is told to send its body when somebody reads it, not before.
//!
//! The HTTP library asks a service whether to go on, writes `100 Continue`, and only then calls the application. Asked
//! about the head alone, that service could say no more than the application's routes, keys and limits say together. So the
//! application itself is what is asked: it runs until it has an answer, which is then the only one, or until it reads the
//! body, which makes the library write `100 Continue`. [`Resumed`] then goes on with the call that has begun.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_http::body::BoxBody;
use actix_http::error::PayloadError;
use actix_http::{BoxedPayloadStream, HttpMessage, Payload, Request, Response};
use actix_service::Service;
use actix_service::boxed::{BoxFuture, BoxService};
use actix_web::Error;
use actix_web::dev::ServiceResponse;
use bytes::Bytes;
use futures::Stream;
use futures::future::LocalBoxFuture;

use crate::transport::connections::Watched;

/// The routes with all that is around them.
pub(crate) type Application = BoxService<Request, ServiceResponse<Watched>, Error>;

type Call = BoxFuture<Result<ServiceResponse<Watched>, Error>>;

/// Begins calls whose client waits before it sends the body.
pub(crate) struct Expect(pub(crate) Application);

/// Makes every other call, and goes on with those that [`Expect`] began.
pub(crate) struct Resumed(pub(crate) Application);

/// A call that has begun, on its way from one service to the other in the extensions of a request.
struct Begun(RefCell<Option<Call>>);

/// An answer that needs no body.
pub(crate) struct Answered(Response<BoxBody>);

impl From<Answered> for Response<BoxBody> {
    fn from(Answered(response): Answered) -> Self {
        response
    }
}

/// The body of a request, and whether anybody has asked for it.
struct Noticed {
    payload: Payload,
    is_read: Rc<Cell<bool>>,
}

impl Stream for Noticed {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.is_read.set(true);
        Pin::new(&mut self.payload).poll_next(context)
    }
}

impl Service<Request> for Expect {
    type Response = Request;
    type Error = Answered;
    type Future = LocalBoxFuture<'static, Result<Request, Answered>>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context).map_err(|error| Answered(error.into()))
    }

    fn call(&self, mut request: Request) -> Self::Future {
        let is_read = Rc::new(Cell::new(false));
        let noticed = Noticed { payload: request.take_payload(), is_read: Rc::clone(&is_read) };
        *request.payload() = Payload::from(Box::pin(noticed) as BoxedPayloadStream);
        let mut call = self.0.call(request);
        Box::pin(async move {
            let answer = poll_fn(|context| match call.as_mut().poll(context) {
                Poll::Ready(answer) => Poll::Ready(Some(answer)),
                Poll::Pending if is_read.get() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            });
            match answer.await {
                Some(Ok(response)) => Err(Answered(Response::from(response).map_into_boxed_body())),
                Some(Err(error)) => Err(Answered(error.into())),
                None => {
                    let carrier = Request::new();
                    carrier.extensions_mut().insert(Begun(RefCell::new(Some(call))));
                    Ok(carrier)
                }
            }
        })
    }
}

impl Service<Request> for Resumed {
    type Response = ServiceResponse<Watched>;
    type Error = Error;
    type Future = Call;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&self, request: Request) -> Self::Future {
        let begun = request.extensions_mut().remove::<Begun>().and_then(|begun| begun.0.take());
        begun.unwrap_or_else(|| self.0.call(request))
    }
}
