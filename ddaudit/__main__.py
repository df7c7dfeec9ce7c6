from ddaudit.cli import main

main()
