//! Login with a second factor (docs/semantics.md 4.6).

use sqlx::PgConnection;
use uuid::Uuid;

/// Lets an account log in with its password alone. Returns whether the row was written.
///
/// As on the server, the secret is removed and the backup codes stay. If nothing was ever set up,
/// writes the settings of an account without a second factor.
pub async fn reset_mfa(db: &mut PgConnection, account: Uuid) -> sqlx::Result<bool> {
    let written = sqlx::query(
        r#"update public.users
           set multi_factor_authentication_settings = reset.settings,
               updated_at = date_trunc('second', timezone('UTC', now()))
           from (
               select id,
                      '{"backup_codes": []}'
                      || coalesce(jsonb_strip_nulls(case jsonb_typeof(multi_factor_authentication_settings)
                             when 'object' then multi_factor_authentication_settings end), '{}')
                      || '{"enabled": false,
                           "totp": {"secret": null, "delivery_type": "app", "confirmed": false}}'
                      as settings
               from public.users where id = $1 for no key update
           ) as reset
           where users.id = reset.id
             and multi_factor_authentication_settings is distinct from reset.settings"#,
    )
    .bind(account)
    .execute(db)
    .await?;
    Ok(written.rows_affected() > 0)
}
