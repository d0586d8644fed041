"""Alerts, below /t/<team>/alerts/."""

from django.urls import path

from syncs.views import alert_targets, alerts

urlpatterns = [
    path("", alerts.alerts, name="alerts"),
    path("log/", alerts.alert_log, name="alert_log"),
    path("log/<uuid:message>/", alerts.alert_message, name="alert_message"),
    path("rules/usual/", alerts.rules_usual, name="alert_rules_usual"),
    path("rules/add/", alerts.rule_add, name="alert_rule_add"),
    path("rules/<uuid:rule>/", alerts.rule_edit, name="alert_rule_edit"),
    path("rules/<uuid:rule>/remove/", alerts.rule_remove, name="alert_rule_remove"),
    path("targets/add/", alert_targets.target_add, name="alert_target_add"),
    path("targets/add/<slug:kind>/", alert_targets.target_add_kind, name="alert_target_add_kind"),
    path("targets/<uuid:target>/", alert_targets.target_edit, name="alert_target_edit"),
    path("targets/<uuid:target>/test/", alert_targets.target_test, name="alert_target_test"),
    path("targets/<uuid:target>/remove/", alert_targets.target_remove, name="alert_target_remove"),
]
