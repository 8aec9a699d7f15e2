//! Thumbnails for a Django site: Python uploads pictures and calls `gallery.thumbnail`, Rust makes them small.
//!
//! ```python
//! # gallery/views.py
//! from django.db import transaction
//!
//! def upload(request):
//!     photo = Photo.objects.create(file=request.FILES["file"])
//!     transaction.on_commit(lambda: celery_app.send_task(
//!         "gallery.thumbnail", (photo.file.path, f"{photo.file.path}.thumb.jpg"), {"width": 320},
//!         queue="thumbnails", link=gallery.tasks.attach.s(photo.pk)))
//! ```

use std::path::PathBuf;

use celery_native::{Args, Error, Exception, Request, TaskError, Tasks, Worker, task};
use serde::Serialize;

/// What Python gets: `{"width": 320, "height": 240}`.
#[derive(Serialize)]
struct Thumbnail {
    width: u32,
    height: u32,
}

/// Not an `async fn`: it computes, and so gets a thread of its own.
#[task(
    name = "gallery.thumbnail",
    max_retries = 2,
    soft_time_limit = 20,
    time_limit = 30,
    acks_late,
    defaults(width = 200)
)]
fn thumbnail(
    request: Request,
    Args((source, target, width)): Args<(PathBuf, PathBuf, u32)>,
) -> Result<Thumbnail, TaskError> {
    if width == 0 {
        return Err(Exception::new("builtins", "ValueError", "a thumbnail has a width").expected().into());
    }
    let picture = image::open(&source)?;
    request.check_limit()?;
    let height = (u64::from(picture.height()) * u64::from(width) / u64::from(picture.width()).max(1)).max(1);
    let small = picture.thumbnail_exact(width, u32::try_from(height)?);
    small.to_rgb8().save(&target)?;
    Ok(Thumbnail { width: small.width(), height: small.height() })
}

fn main() -> Result<(), Error> {
    tracing_subscriber::fmt().init();
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://localhost/0".to_owned());
    Worker::builder()
        .broker(&url)
        .results(&url)
        .queues(["thumbnails"])
        // `gallery.tasks.attach` is Python's.
        .route("gallery.tasks.*", "celery")
        .tasks(Tasks::new().register::<thumbnail>())
        .run_blocking()?;
    Ok(())
}
