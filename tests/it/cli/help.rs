//! Every command explains itself, and how is a snapshot.

use anyhow::Result;

use crate::program::Kenoma;

/// Lists the commands below a command, as its help names them.
fn below(kenoma: &Kenoma, command: &str) -> Result<Vec<String>> {
    let help = kenoma.run(&words(command, "--help"))?.stdout;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = listed
        .take_while(|line| !line.is_empty())
        // Lines that are indented deeper go on with an explanation.
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help");
    Ok(names.map(|name| format!("{command} {name}").trim().to_owned()).collect())
}

fn words<'w>(command: &'w str, flag: &'w str) -> Vec<&'w str> {
    command.split_whitespace().chain([flag]).collect()
}

fn every_command(kenoma: &Kenoma) -> Result<Vec<String>> {
    let mut commands = vec![String::new()];
    let mut next = 0;
    while let Some(command) = commands.get(next).cloned() {
        commands.extend(below(kenoma, &command)?);
        next += 1;
    }
    Ok(commands)
}

#[test]
fn every_command_explains_itself() -> Result<()> {
    let kenoma = Kenoma::nowhere();
    let commands = every_command(&kenoma)?;
    assert!(commands.len() > 35, "{commands:?}");
    for command in &commands {
        let done = kenoma.run(&words(command, "--help"))?;
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{command}");
        assert!(done.stdout.contains(&format!("Usage: kenoma {command}")), "{command}: {done:?}");
        assert_eq!(kenoma.run(&words(command, "-h"))?.code, 0, "{command}");
        if command.starts_with("user ") {
            let example = format!("Example: kenoma {command}");
            assert!(done.stdout.contains(&example), "{command}: {done:?}");
        }
        let name = format!("kenoma {command}").trim().replace(' ', "_");
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true,
                                snapshot_path => "help" }, {
            insta::assert_snapshot!(name, done.stdout);
        });
    }
    Ok(())
}

/// Who knows the original types its names; who types much likes dashes better.
#[test]
fn every_name_may_be_spelt_with_dashes() -> Result<()> {
    let kenoma = Kenoma::nowhere();
    for command in every_command(&kenoma)?.iter().filter(|command| command.contains('_')) {
        let done = kenoma.run(&words(&command.replace('_', "-"), "--help"))?;
        assert_eq!(done.code, 0, "{command}: {done:?}");
    }
    Ok(())
}
