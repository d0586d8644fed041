"""Users and teams in the Django admin, for the staff of the installation, and what the staff did there."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.db.models import Count, QuerySet
from django.forms import ChoiceField
from django.http import HttpRequest
from django.utils.safestring import SafeString

from syncadmin.lib.history import HistoryAdmin
from syncadmin.lib.shown import link, moment, short
from syncadmin.teams import audit_words
from syncadmin.teams.forms import time_zones
from syncadmin.teams.models import AuditEntry, Membership, Team, User


class UserCreationForm(AdminUserCreationForm):
    class Meta:
        model = User
        fields = ("email",)


class MembershipInline(admin.StackedInline):  # its fields have labels; in a table they have none
    model = Membership
    extra = 0
    autocomplete_fields = ("user", "team")


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    """People are known by their e-mail address; there is no user name.

    Who did something here cannot be deleted, as the log of it would go too; nor can many at once.
    """

    about = "Everybody who can sign in. Who left is made inactive: what they did stays known."
    show_full_result_count = False
    actions = None
    add_form = UserCreationForm
    inlines = (MembershipInline,)
    list_display = ("email", "first_name", "last_name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email", "first_name", "last_name")
    filter_horizontal = ()
    ordering = ("email",)
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "password", "first_name", "last_name", "time_zone")}),
        ("May", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Times", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {"classes": ("wide",), "fields": ("email", "usable_password", "password1", "password2")},
        ),
    )

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """A time zone is chosen: one that does not exist would break every page of the user."""
        if db_field.name == "time_zone":
            return ChoiceField(choices=time_zones("UTC"), initial="UTC")
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and (
            LogEntry.objects.filter(user=obj).exists() or AuditEntry.objects.filter(actor=obj).exists()
        ):
            return False
        return super().has_delete_permission(request, obj)


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin):
    about = (
        "The tenants: everything that users make belongs to exactly one. One goes by `manage.py deleteteam`."
    )
    actions = None
    show_full_result_count = False
    inlines = (MembershipInline,)
    list_display = ("name", "slug", "member_count", "created_at")
    search_fields = ("name", "slug")
    ordering = ("name",)
    prepopulated_fields: ClassVar[dict[str, Any]] = {"slug": ("name",)}
    readonly_fields = ("public_id", "created_at")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Its audit log, and whatever stands on it, must go with it: a command does that."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        return super().get_queryset(request).annotate(member_count=Count("memberships"))

    @admin.display(description="Members", ordering="member_count")
    def member_count(self, team: Team) -> int:
        return team.member_count  # type: ignore[attr-defined]


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin):
    about = "Who is on which team, and what they may do there."
    actions = None  # many at once would be missing in the teams' audit logs
    show_full_result_count = False
    list_display = ("user", "team", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "team")
    search_fields = ("user__email", "team__name")
    autocomplete_fields = ("user", "team")


@admin.register(LogEntry)
class LogEntryAdmin(HistoryAdmin):
    """What the staff did in these pages, looking at personal data included."""

    heading = "Who did what"
    about = "What the staff did in these pages: whose personal data they looked at, what they changed."
    list_display = ("at", "who", "what", "kind", "told_short")
    list_filter = ("action_flag",)
    list_select_related = ("user", "content_type")
    list_fields: ClassVar = (
        "action_time",
        "action_flag",
        "change_message",
        "object_id",
        "object_repr",
        "user__email",
        "content_type__app_label",
        "content_type__model",
    )
    search_fields = ("user",)
    search_help_text = "The e-mail address of who did it"
    fieldsets = ((None, {"fields": ("at", "who", "what", "kind", "told")}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[LogEntry]:
        return super().get_queryset(request).select_related("user", "content_type")

    def search(self, queryset: QuerySet[LogEntry], term: str) -> QuerySet[LogEntry]:
        return queryset.filter(user__in=User.objects.filter(email=term.lower()).values("pk"))

    @admin.display(description="Time")
    def at(self, entry: LogEntry) -> SafeString | str:
        return moment(entry.action_time)

    @admin.display(description="Who")
    def who(self, entry: LogEntry) -> str:
        return entry.user.email

    @admin.display(description="What")
    def what(self, entry: LogEntry) -> SafeString | str:
        address = None if entry.is_deletion() else entry.get_admin_url()
        return link(address, entry.object_repr) if address else entry.object_repr

    @admin.display(description="Kind")
    def kind(self, entry: LogEntry) -> str:
        return str(entry.content_type.name).capitalize() if entry.content_type else "–"

    @admin.display(description="What was done")
    def told_short(self, entry: LogEntry) -> str:
        return short(_told(entry))

    @admin.display(description="What was done")
    def told(self, entry: LogEntry) -> str:
        return _told(entry)

    def title(self, entry: LogEntry) -> str:
        return f"{entry.user.email}: {entry.object_repr}"

    def links(self, entry: LogEntry) -> Iterator[tuple[str, str]]:
        if not entry.is_deletion() and (address := entry.get_admin_url()):
            yield "What it is about", address


@admin.register(AuditEntry)
class AuditEntryAdmin(HistoryAdmin):
    """The audit logs of all teams, and what is of no team: strangers who tried to sign in, deleted teams."""

    heading = "Audit logs"
    about = "What people did in all teams, and what is of no team. Nobody can change or remove an entry."
    list_display = ("moment", "team", "who", "what", "kind", "name", "address")
    list_select_related = ("team",)
    list_fields: ClassVar = ("at", "team__name", "who", "action", "kind", "name", "address", "public_id")
    search_fields = ("who",)
    search_help_text = "The e-mail address of who did it"
    fieldsets = ((None, {"fields": ("moment", "team", "who", "address", "what", "kind", "name", "changes")}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        return super().get_queryset(request).select_related("team")

    def search(self, queryset: QuerySet[AuditEntry], term: str) -> QuerySet[AuditEntry]:
        return queryset.filter(who=term.strip().lower())

    @admin.display(description="Time")
    def moment(self, entry: AuditEntry) -> SafeString | str:
        return moment(entry.at)

    @admin.display(description="What")
    def what(self, entry: AuditEntry) -> str:
        return audit_words.action(entry.action)

    @admin.display(description="Before and after")
    def changes(self, entry: AuditEntry) -> str:
        return "\n".join(
            f"{one.name}: {one.before or '–'} → {one.after or '–'}" for one in audit_words.changes(entry)
        )

    def title(self, entry: AuditEntry) -> str:
        return f"{entry.who}: {audit_words.action(entry.action)}"


def _told(entry: LogEntry) -> str:
    words = {1: "Added.", 2: "Changed.", 3: "Deleted."}
    return entry.get_change_message() or words.get(entry.action_flag, "")
