"""Every path the gateway answers, one a line."""

from aiohttp import web

from backend.gateway.auth import authenticated
from backend.gateway.handlers import (
    front,
    generations,
    guild_policies,
    health,
    images,
    metrics,
    models,
    preferences,
    problem_types,
    provenance,
    removals,
    reviews,
    safety_reports,
    standings,
    uploads,
)


def add_routes(app: web.Application) -> None:
    """Add all routes; those under /v1 need a key, pictures and metrics have their own doors."""
    router = app.router
    router.add_get("/", front.show)
    router.add_get("/healthz", health.alive)
    router.add_get("/readyz", health.ready)
    router.add_get("/metrics", metrics.scrape)
    router.add_get("/problems/{slug}", problem_types.explain)
    router.add_get("/images/{key:.+}", images.serve)
    router.add_post("/v1/generations", authenticated(generations.create))
    router.add_get("/v1/generations", authenticated(generations.list_own))
    router.add_get("/v1/generations/{job_id}", authenticated(generations.show))
    router.add_get("/v1/generations/{job_id}/why", authenticated(generations.why))
    router.add_get("/v1/generations/{job_id}/recipe", authenticated(generations.recipe))
    router.add_get("/v1/generations/{job_id}/preview", authenticated(generations.preview))
    router.add_post("/v1/generations/{job_id}/cancel", authenticated(generations.cancel))
    pictures = "/v1/generations/{job_id}/images/{index}"
    router.add_post(f"{pictures}/variations", authenticated(generations.vary))
    router.add_post(f"{pictures}/upscales", authenticated(generations.upscale))
    router.add_post(f"{pictures}/outpaints", authenticated(generations.outpaint))
    router.add_post(f"{pictures}/inpaints", authenticated(generations.inpaint))
    # A large picture over a slow line takes its time, and so do the checks.
    router.add_post("/v1/uploads", authenticated(uploads.create, within_s=uploads.WITHIN_S))
    router.add_get("/v1/uploads/{upload_id}", authenticated(uploads.show))
    # Anyone may ask where a picture is from, also without a key.
    router.add_post("/v1/provenance/checks", provenance.check)
    router.add_get("/v1/images/{job_id}/{index}", authenticated(images.redirect))
    router.add_post("/v1/generations/{job_id}/appeal", authenticated(reviews.appeal))
    router.add_post(f"{pictures}/reports", authenticated(reviews.report))
    router.add_post(f"{pictures}/removal", authenticated(reviews.remove_picture))
    router.add_get("/v1/reviews", authenticated(reviews.list_open))
    router.add_get("/v1/reviews/rules", authenticated(reviews.rules))
    router.add_get("/v1/reviews/{review_id}", authenticated(reviews.show))
    router.add_get("/v1/reviews/{review_id}/picture", authenticated(reviews.picture))
    router.add_post("/v1/reviews/{review_id}/decision", authenticated(reviews.decide))
    router.add_get("/v1/safety-reports", authenticated(safety_reports.list_estimates))
    router.add_post("/v1/safety-reports/{report_id}/release", authenticated(safety_reports.release))
    # For everybody: whoever is shown in a picture need not have an account here.
    router.add_get("/removal", removals.form)
    router.add_post("/removal", removals.submit)
    router.add_get("/removal/{secret}", removals.state)
    router.add_get("/v1/removal-requests", authenticated(reviews.requests))
    router.add_post("/v1/removal-requests", removals.create)
    router.add_get("/v1/removal-requests/{secret}", removals.show)
    router.add_get("/v1/account/standing", authenticated(standings.show_own))
    policy = "/v1/guilds/{guild_id}/policy"
    router.add_get(policy, authenticated(guild_policies.show))
    router.add_put(policy, authenticated(guild_policies.set_own))
    router.add_delete(policy, authenticated(guild_policies.unset))
    router.add_get(f"{policy}/history", authenticated(guild_policies.history))
    router.add_get("/v1/preferences", authenticated(preferences.show))
    router.add_put("/v1/preferences/suffix", authenticated(preferences.set_suffix))
    router.add_put("/v1/preferences/metadata", authenticated(preferences.set_metadata))
    option = "/v1/preferences/options/{name}"
    router.add_put(option, authenticated(preferences.set_option))
    router.add_delete(option, authenticated(preferences.delete_option))
    router.add_get("/v1/models", authenticated(models.list_models))
