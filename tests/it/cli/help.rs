//! Every command explains itself; the explanation is a snapshot.

use anyhow::Result;
use testkit::Ostrakon;

/// Lists the commands below a command, as its help names them.
fn below(ostrakon: &Ostrakon, command: &str) -> Result<Vec<String>> {
    let help = ostrakon.run(&words(command, "--help"))?.stdout;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = listed
        .take_while(|line| !line.is_empty())
        // Lines that are indented further continue an explanation.
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help");
    Ok(names.map(|name| format!("{command} {name}").trim().to_owned()).collect())
}

fn words<'w>(command: &'w str, flag: &'w str) -> Vec<&'w str> {
    command.split_whitespace().chain([flag]).collect()
}

fn every_command(ostrakon: &Ostrakon) -> Result<Vec<String>> {
    let mut commands = vec![String::new()];
    let mut next = 0;
    while let Some(command) = commands.get(next).cloned() {
        commands.extend(below(ostrakon, &command)?);
        next += 1;
    }
    Ok(commands)
}

#[test]
fn every_command_explains_itself() -> Result<()> {
    let ostrakon = Ostrakon::nowhere();
    let commands = every_command(&ostrakon)?;
    assert!(commands.len() > 35, "{commands:?}");
    for command in &commands {
        let done = ostrakon.run(&words(command, "--help"))?;
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{command}");
        assert!(done.stdout.contains(&format!("Usage: ostrakon {command}")), "{command}: {done:?}");
        assert_eq!(ostrakon.run(&words(command, "-h"))?.code, 0, "{command}");
        if command.starts_with("user ") {
            let example = format!("Example: ostrakon {command}");
            assert!(done.stdout.contains(&example), "{command}: {done:?}");
        }
        let name = format!("ostrakon {command}").trim().replace(' ', "_");
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true,
                                snapshot_path => "help" }, {
            insta::assert_snapshot!(name, done.stdout);
        });
    }
    Ok(())
}

/// Operators who know the original type its names; dashes are quicker to type.
#[test]
fn every_name_may_be_spelt_with_dashes() -> Result<()> {
    let ostrakon = Ostrakon::nowhere();
    for command in every_command(&ostrakon)?.iter().filter(|command| command.contains('_')) {
        let done = ostrakon.run(&words(&command.replace('_', "-"), "--help"))?;
        assert_eq!(done.code, 0, "{command}: {done:?}");
    }
    Ok(())
}
